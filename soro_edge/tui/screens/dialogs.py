"""Small questions over the screen: a name, a search, yes or no. They return the answer."""

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from soro_edge.locale import _
from soro_edge.tui.widgets.letters import TajikInput

Result = TypeVar("Result")


class Dialog(ModalScreen[Result | None], Generic[Result]):
    """Esc answers None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("f10,ctrl+q", "app.quit", show=False, priority=True),
    ]

    def action_cancel(self) -> None:
        self.dismiss(None)


class AskText(Dialog[str]):
    """One line of text."""

    def __init__(self, title: str, text: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._title, markup=False)
            yield TajikInput(self._text)  # selected: what is typed replaces it
            yield Static(_("Enter: done   Esc: cancel"), markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


class Confirm(Dialog[bool]):
    """Enter means yes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "yes", show=False)]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, markup=False)
            yield Static(_("Enter: yes   Esc: cancel"), markup=False)

    def action_yes(self) -> None:
        self.dismiss(True)
