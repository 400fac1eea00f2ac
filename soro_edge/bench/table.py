"""The figures of `soro bench` as lines of at most 80 columns, in the language in use.

Says what each figure is, in which unit, whether ours is better than the bare C API's, and how far the rounds
lie apart. Measures nothing.
"""

import re
from dataclasses import dataclass

from soro_edge.bench.report import Figure, Report
from soro_edge.locale import N_, _

EQUAL_WITHIN = 0.03
"""Nobody notices a difference of so much, and one run of the same program differs by it from the next."""
DISAGREE = 0.2
"""Rounds that lie so far from the middle one tell of the other programs, not of this one."""
BUSY_SHARE = 0.2
"""Other programs took so much of the processor before the rounds."""
_TOKENS_A_WORD = 2.9
"""In Tajik."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meaning:
    """What people read of a figure."""

    label: str
    unit: str
    more_is_better: bool = False


_MEANINGS = {
    "tokens_per_second": _Meaning(
        label=N_("writing an answer"), unit=N_("tokens/s"), more_is_better=True
    ),
    "prefill_tokens_per_second": _Meaning(
        label=N_("reading a question"), unit=N_("tokens/s"), more_is_better=True
    ),
    "load_seconds": _Meaning(label=N_("loading the model"), unit=N_("s")),
    "peak_megabytes": _Meaning(label=N_("memory, at most"), unit=N_("MB")),
    "first_token_again_seconds": _Meaning(label=N_("first word, answered again"), unit=N_("s")),
    "first_token_pasted_seconds": _Meaning(label=N_("first word, pasted question"), unit=N_("s")),
    "first_token_typed_seconds": _Meaning(label=N_("first word, typed question"), unit=N_("s")),
    "first_token_restored_seconds": _Meaning(label=N_("first word after a restart"), unit=N_("s")),
    "first_token_restored_when_asked_seconds": _Meaning(
        label=N_("the same, asked at once"), unit=N_("s")
    ),
    "start_to_first_paint_seconds": _Meaning(label=N_("opening the tutor"), unit=N_("s")),
}
_TURN = re.compile(r"first_token_turn_(\d+)_seconds")


def table_lines(report: Report) -> list[str]:
    """The table, what its columns mean, and one sentence for a teacher."""
    rows = [row for figure in report.figures if (row := _row(figure))]
    heads = ("", "", _("Soro"), "llama.cpp", _("Soro is"), _("rounds"))
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = [_line(row, widths) for row in (heads, *rows)]
    lines += [
        "",
        _("llama.cpp: the same model without Soro, which reads the whole conversation anew."),
    ]
    lines += [_("× better, × worse: how many times; «equal»: no more than chance.")]
    if report.rounds > 1:
        lines += [_("± : how far the rounds lie from the middle one.")]
    else:
        lines += [_("One round does not tell what is chance: measure with --rounds 3.")]
    return [*lines, "", *_verdict(report)]


def is_busy(report: Report) -> bool:
    """Whether other programs had a part in the figures."""
    return report.others_share > BUSY_SHARE or any(map(_disagrees, report.figures))


def comparison(figure: Figure, *, more_is_better: bool) -> str:
    """Ours against the bare C API's, in a word or two; empty where there is no other side."""
    if not figure.ratio:
        return ""
    gain = figure.ratio if more_is_better else 1 / figure.ratio
    if abs(gain - 1) <= max(EQUAL_WITHIN, figure.spread or 0):
        return _("equal")
    if gain > 1:
        return _("{times}× better").format(times=_times(gain))
    return _("{times}× worse").format(times=_times(1 / gain))


def _row(figure: Figure) -> tuple[str, ...] | None:
    turn = _TURN.fullmatch(figure.name)
    meaning = _MEANINGS.get(figure.name)
    if turn:
        label, unit, more = _("first word, question {number}").format(number=turn[1]), "s", False
    elif meaning:
        label, unit, more = _(meaning.label), meaning.unit, meaning.more_is_better
    else:  # a quotient of two rows that stand here
        return None
    return (
        label,
        _(unit),
        _number(figure.soro),
        "" if figure.bare is None else _number(figure.bare),
        comparison(figure, more_is_better=more),
        _spread(figure),
    )


def _spread(figure: Figure) -> str:
    if figure.spread is None:
        return ""
    return f"±{figure.spread * 100:.0f} %" + (" !" if _disagrees(figure) else "")


def _disagrees(figure: Figure) -> bool:
    return figure.spread is not None and figure.spread > DISAGREE


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    label, unit, *numbers = row
    cells = [f"{cell:>{width}}" for cell, width in zip(numbers, widths[2:], strict=True)]
    return "  ".join([f"{label:<{widths[0]}}", f"{unit:<{widths[1]}}", *cells]).rstrip()


def _verdict(report: Report) -> list[str]:
    words = report.figure("tokens_per_second").soro * 60 / _TOKENS_A_WORD
    seconds = report.figure("first_token_turn_5_seconds").soro
    lines = [
        _("About {words:.0f} Tajik words a minute, the first one after {seconds} s.").format(
            words=words, seconds=_number(seconds)
        )
    ]
    if is_busy(report):
        lines.append(
            _("Busy: other programs were at work, and rows with ! differ from round to round.")
        )
        lines.append(_("Close them and measure again."))
    return lines


def _number(value: float) -> str:
    """Three digits, and no more than three behind the point."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _times(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1.1 else f"{value:.2f}"
