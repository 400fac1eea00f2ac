"""What a person reads in an empty chat: what the model can do, how to ask, and example questions.

Knows no engine and no history. It posts which example was clicked.
"""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from soro_edge import locale
from soro_edge.control_characters import without_control_characters
from soro_edge.locale import N_, _

LANGUAGES = {
    "tg": N_("in Tajik"),
    "ru": N_("in Russian"),
    "en": N_("in English"),
    "uz": N_("in Uzbek"),
    "fa": N_("in Persian"),
}
"""Languages of models by their codes, as people say in which one to write."""

MOST_EXAMPLES = 6


class Example(Static):
    """One example question; a click picks it."""

    class Picked(Message):
        """The pupil may want to ask this."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str) -> None:
        super().__init__("• " + text, classes="example", markup=False)
        self._text = text

    def on_click(self) -> None:
        self.post_message(self.Picked(self._text))


class Welcome(Vertical):
    """Sentences and examples, from the top down."""

    def __init__(
        self, languages: Sequence[str], examples: Sequence[str], interrupted: str = ""
    ) -> None:
        super().__init__(classes="welcome")
        self._languages = languages
        self._examples = examples
        self._interrupted = interrupted

    def compose(self) -> ComposeResult:
        if self._interrupted:
            text = _("The last chat was interrupted: «{title}». F5 opens it.")
            yield Static(
                text.format(title=without_control_characters(self._interrupted)),
                classes="note",
                markup=False,
            )
        yield Static(about_soro(), markup=False)
        if spoken := about_languages(self._languages):
            warns = bool(missing_languages(self._languages))
            yield Static(spoken, classes="note" if warns else "", markup=False)
        yield Static(how_to_ask(), markup=False)
        if self._examples:
            yield Static(_("Examples (key ↓, or a click):"), classes="examples", markup=False)
        for text in self._examples[:MOST_EXAMPLES]:
            yield Example(text)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        """Show as many examples as there is room for below the sentences."""
        if not isinstance(self.parent, Widget):
            return
        sentences = [line for line in self.query(Static) if not isinstance(line, Example)]
        room = self.parent.size.height - self.gutter.height
        room -= sum(line.size.height + line.styles.margin.height for line in sentences)
        for example in self.query(Example):
            room -= -(-cell_len(str(example.content)) // max(1, self.size.width))
            example.display = room >= 0


def about_soro() -> str:
    """What Soro is, can do, and cannot."""
    return " ".join(
        (
            _("Good day! I am Soro, a helper for lessons. I work without the internet."),
            _("I explain lessons, give examples and help with exercises."),
            _("I do not know today's news, and I can be wrong: check with your book and teacher."),
        )
    )


def about_languages(known: Sequence[str]) -> str:
    """In which languages the model answers; which of those expected here it does not know."""
    if not known:
        return ""
    in_known = _listed(known)
    missing = missing_languages(known)
    if not missing:
        return _("I answer {in_languages}.").format(in_languages=in_known)
    text = _("This model cannot answer {in_missing}: write to it {in_languages}.")
    return text.format(in_missing=_listed(missing), in_languages=in_known)


def missing_languages(known: Sequence[str]) -> list[str]:
    """Codes of the languages that a pupil expects here and the model does not know."""
    return [code for code in dict.fromkeys((locale.language(), "tg")) if code not in known]


def how_to_ask() -> str:
    return "\n".join(
        (
            _("Write a question in the box below and press Enter."),
            _("The F keys are in the top row of the keyboard: F1 explains all keys, F10 quits."),
        )
    )


def _listed(codes: Sequence[str]) -> str:
    return ", ".join(_(LANGUAGES[code]) if code in LANGUAGES else code for code in codes)
