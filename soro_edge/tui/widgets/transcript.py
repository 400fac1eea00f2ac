"""The conversation as it is read: questions, answers, notes. Knows no engine and no log."""

from collections.abc import Sequence

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from soro_edge.chat.messages import Message, Role
from soro_edge.control_characters import without_control_characters
from soro_edge.tui.widgets.answer import Answer, note_of
from soro_edge.tui.widgets.welcome import Welcome

__all__ = ["Answer", "Transcript", "note_of"]

SHOWN_AT_ONCE = 30
"""So many messages of a stored conversation are drawn; the ones before them on PgUp at the top."""


class Transcript(VerticalScroll):
    """Questions and answers, the newest at the bottom; it stays there until a person scrolls."""

    can_focus = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._earlier: Sequence[Message] = ()
        self._later: Sequence[Message] = ()

    def on_mount(self) -> None:
        self.anchor()

    async def show_welcome(self, welcome: Welcome) -> None:
        """In place of what is here, to be read from its top."""
        await self.remove_children()
        self._earlier = self._later = ()
        self.anchor(False)
        await self.mount(welcome)
        self.scroll_home(animate=False)

    async def show(self, messages: Sequence[Message], *, at: int | None = None) -> None:
        """A stored conversation in place of what is here: its end, or its message `at`."""
        await self.remove_children()
        numbers = [message.id for message in messages]
        end = len(messages)
        if at in numbers:
            end = min(end, numbers.index(at) + SHOWN_AT_ONCE // 2)
        begin = max(0, end - SHOWN_AT_ONCE)
        self._earlier, self._later = messages[:begin], messages[end:]
        await self.mount_all([_drawn(message) for message in messages[begin:end]])
        self.anchor(at not in numbers)
        if at in numbers:
            hit = self.children[numbers.index(at) - begin]
            hit.add_class("hit")
            self.call_after_refresh(self.scroll_to_widget, hit, animate=False, top=True)

    async def show_earlier(self) -> None:
        """Some messages more, above those that are here."""
        more, self._earlier = self._earlier[-SHOWN_AT_ONCE:], self._earlier[:-SHOWN_AT_ONCE]
        if more:
            first = self.children[0]
            await self.mount_all([_drawn(message) for message in more], before=first)
            self.call_after_refresh(self.scroll_to_widget, first, animate=False, top=True)

    async def _show_later(self, count: int = SHOWN_AT_ONCE) -> None:
        """Some messages more, below those that are here."""
        more, self._later = self._later[:count], self._later[count:]
        await self.mount_all([_drawn(message) for message in more])

    async def page(self, direction: int) -> None:
        """Scroll a page up (-1) or down (1)."""
        if direction > 0:
            if self._later and self.scroll_y >= self.max_scroll_y:
                await self._show_later()
            self.scroll_page_down(animate=False)
        elif self.scroll_y > 0:
            self.scroll_page_up(animate=False)
        else:
            await self.show_earlier()

    async def add_question(self, text: str) -> None:
        await self.query(Welcome).remove()
        await self._show_later(len(self._later))
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


def _question(text: str) -> Widget:
    text = without_control_characters(text)
    return Static("» " + text.replace("\n", "\n  "), classes="question", markup=False)


def _drawn(message: Message) -> Widget:
    if message.role is Role.USER:
        return _question(message.text)
    return Answer(message.text, note_of(message.state))
