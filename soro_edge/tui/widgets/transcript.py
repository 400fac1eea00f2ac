"""The conversation as it is read: questions, answers, notes. Knows no engine and no log."""

from collections.abc import Sequence

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from soro_edge.chat.messages import Message, Role
from soro_edge.control_characters import without_control_characters
from soro_edge.locale import _
from soro_edge.tui.widgets.answer import Answer, note_of

__all__ = ["Answer", "Transcript", "note_of"]

SHOWN_AT_ONCE = 30
"""So many messages of a stored conversation are drawn; the ones before them on PgUp at the top."""


class Transcript(VerticalScroll):
    """Questions and answers, the newest at the bottom; it stays there until a person scrolls."""

    can_focus = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._earlier: Sequence[Message] = ()

    def on_mount(self) -> None:
        self.anchor()

    async def show(self, messages: Sequence[Message]) -> None:
        """A stored conversation in place of what is here; nothing stored shows a welcome."""
        await self.remove_children()
        self._earlier = messages[:-SHOWN_AT_ONCE]
        shown = [_drawn(message) for message in messages[-SHOWN_AT_ONCE:]]
        if not messages:
            shown = [Static(welcome(), classes="welcome", markup=False)]
        await self.mount_all(shown)
        self.anchor()

    async def show_earlier(self) -> None:
        """Some messages more, above those that are here."""
        more, self._earlier = self._earlier[-SHOWN_AT_ONCE:], self._earlier[:-SHOWN_AT_ONCE]
        if more:
            first = self.children[0]
            await self.mount_all([_drawn(message) for message in more], before=first)
            self.call_after_refresh(self.scroll_to_widget, first, animate=False, top=True)

    async def page(self, direction: int) -> None:
        """Scroll a page up (-1) or down (1)."""
        if direction > 0:
            self.scroll_page_down(animate=False)
        elif self.scroll_y > 0:
            self.scroll_page_up(animate=False)
        else:
            await self.show_earlier()

    async def add_question(self, text: str) -> None:
        await self.query(".welcome").remove()
        await self.mount(_question(text))
        self.anchor()

    async def add_answer(self) -> Answer:
        """An empty answer, to be appended to."""
        answer = Answer()
        await self.mount(answer)
        return answer

    async def remove_last_answer(self) -> None:
        """Because the question is asked again; what was noted below it goes too."""
        children = list(self.children)
        while children and not children[-1].has_class("question"):
            await children.pop().remove()

    async def remove_last_question(self) -> None:
        """Because it could not be kept."""
        questions = self.query(".question")
        if questions:
            await questions.last().remove()

    async def add_line(self, text: str, kind: str = "note") -> None:
        """A sentence of the program's own: class `note` or `failure`."""
        await self.mount(Static(text, classes=kind, markup=False))
        self.anchor()


def welcome() -> str:
    """What a person reads who sees the screen for the first time."""
    return "\n\n".join(
        (
            _("Good day! I am Soro, a helper for lessons. I work without the internet."),
            _("Write a question in the box below and press Enter."),
            _("The F keys are in the top row of the keyboard: F1 explains all keys, F10 quits."),
        )
    )


def _question(text: str) -> Widget:
    text = without_control_characters(text)
    return Static("» " + text.replace("\n", "\n  "), classes="question", markup=False)


def _drawn(message: Message) -> Widget:
    if message.role is Role.USER:
        return _question(message.text)
    return Answer(message.text, note_of(message.state))
