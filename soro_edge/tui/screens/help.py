"""The help page: every key, in words. Esc or F1 closes it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from soro_edge.locale import _


def key_lines() -> list[tuple[str, str]]:
    """Each key and what it does, in the language in use."""
    return [
        ("Enter", _("send the question")),
        ("Ctrl+J", _("new line")),
        ("↑ ↓", _("the last question again, to change it; example questions")),
        ("Esc", _("stop the answer")),
        ("F1", _("help")),
        ("F2", _("list of conversations")),
        ("F3", _("search")),
        ("F4", _("new chat")),
        ("F5", _("answer again")),
        ("F6", _("rename")),
        ("F7", _("row of letters")),
        ("F8", _("delete")),
        ("F9", _("copy the answer")),
        ("F10", _("quit")),
        ("Ctrl+A", _("select the whole question (Del deletes it)")),
        ("Ctrl+C", _("stop, or copy what is selected")),
        ("Ctrl+Z", _("bring a deleted chat back, for a minute")),
        ("PgUp PgDn", _("scroll")),
        ("Alt+г и к у х ч", _("the letters ғ ӣ қ ӯ ҳ ҷ")),
    ]


class HelpScreen(ModalScreen[None]):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,enter", "dismiss", show=False, priority=True),
        Binding("f10,ctrl+q", "app.quit", show=False, priority=True),
    ]

    def compose(self) -> ComposeResult:
        lines = "\n".join(f"{key:<16} {what}" for key, what in key_lines())
        with VerticalScroll():
            yield Static(lines + "\n\n" + _("Esc: back"), markup=False)
