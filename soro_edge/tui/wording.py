"""Errors in words for pupils: what happened and what to do, without tokens, signals and paths of logs.

The whole of an error, for the teacher, is printed below the screen when it closes.
"""

from soro_edge.errors import (
    DiskFull,
    EngineDied,
    EngineSilent,
    QuestionTooLong,
    SoroError,
)
from soro_edge.locale import N_, _
from soro_edge.model_errors import BadTemplate, ModelDamaged, ModelNotLoaded, NotEnoughMemory

_TELL = N_("Press F10: what to tell your teacher is written below.")
_WORDS: dict[type[SoroError], tuple[str, str]] = {
    EngineDied: (
        N_("The model stopped in the middle of its work."),
        N_("What was written is kept. Ask again: it starts anew."),
    ),
    EngineSilent: (N_("The model did not start."), _TELL),
    ModelNotLoaded: (N_("The model could not be opened."), _TELL),
    ModelDamaged: (N_("The model's file is damaged."), _TELL),
    BadTemplate: (N_("Nobody can talk with this model."), _TELL),
    NotEnoughMemory: (
        NotEnoughMemory.message,
        N_("Close other programs and open Soro again, or tell your teacher."),
    ),
    DiskFull: (N_("The disk is full."), DiskFull.hint),
    QuestionTooLong: (
        N_("The question is too long: about {percent} % of it fits."),
        QuestionTooLong.hint,
    ),
}


def in_plain_words(error: SoroError) -> tuple[str, str]:
    """What happened and what the pupil can do, in the language in use."""
    for kind, (message, hint) in _WORDS.items():
        if type(error) is kind:
            fields = error.fields
            if isinstance(error, QuestionTooLong):
                fields = {"percent": share_that_fits(error)}
            return _(message).format(**fields), _(hint).format(**fields)
    return str(error), error.advice


def share_that_fits(error: QuestionTooLong) -> int:
    """Percent of the question, rounded down to tens, but for the last ones."""
    share = int(error.fields["room_tokens"]) * 100 // max(1, int(error.fields["have_tokens"]))
    return share // 10 * 10 if share >= 20 else max(1, share)
