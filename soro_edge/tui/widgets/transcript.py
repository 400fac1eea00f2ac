"""The conversation as it is read: questions, answers as Markdown, notes. Knows no engine and no log.

Markdown is imported with the first answer: it costs a tenth of a second that the first paint saves.
"""

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from soro_edge.chat.messages import AnswerState, Message, Role
from soro_edge.locale import _


def note_of(state: AnswerState) -> str:
    """What the pupil is told about an answer that is not simply whole."""
    return {
        AnswerState.WRITING: _("This answer was interrupted. F5 asks again."),
        AnswerState.STOPPED: _("Stopped. F5 asks again."),
        AnswerState.CUT: _("The answer was cut at its greatest length. Write: continue."),
        AnswerState.LOOPED: _("The model repeated itself. F5 asks again, or ask in other words."),
        AnswerState.EMPTY: _("The model gave no answer. F5 asks again, or ask in other words."),
        AnswerState.FAILED: _("This answer was interrupted. F5 asks again."),
    }.get(state, "")


class Answer(Vertical):
    """One answer: Markdown, and a note below where there is something to say."""

    def __init__(self, text: str = "", note: str = "") -> None:
        super().__init__()
        self.text = text
        self._note = note

    def compose(self) -> ComposeResult:
        from textual.widgets import Markdown

        yield Markdown(self.text, open_links=False)
        yield Static(self._note, classes="note", markup=False)

    def on_mount(self) -> None:
        from textual.widgets import Markdown

        self._stream = Markdown.get_stream(self.query_one(Markdown))
        self.query_one(".note").display = bool(self._note)

    async def append(self, text: str) -> None:
        """Some more of the answer."""
        self.text += text
        await self._stream.write(text)

    async def finish(self, note: str) -> None:
        """Nothing follows."""
        await self._stream.stop()
        line = self.query_one(".note", Static)
        line.update(note)
        line.display = bool(note)


class Transcript(VerticalScroll):
    """Questions and answers, the newest at the bottom; it stays there until a person scrolls."""

    can_focus = False

    def on_mount(self) -> None:
        self.anchor()

    async def show(self, messages: list[Message]) -> None:
        """A stored conversation in place of what is here; nothing stored shows a welcome."""
        await self.remove_children()
        if not messages:
            text = _("Good day! Write a question below and press Enter. F1 is help.")
            await self.mount(Static(text, classes="welcome", markup=False))
        for message in messages:
            if message.role is Role.USER:
                await self.add_question(message.text)
            else:
                await self.mount(Answer(message.text, note_of(message.state)))
        self.anchor()

    async def add_question(self, text: str) -> None:
        await self.query(".welcome").remove()
        await self.mount(Static(f"» {text}", classes="question", markup=False))
        self.anchor()

    async def add_answer(self) -> Answer:
        """An empty answer, to be appended to."""
        answer = Answer()
        await self.mount(answer)
        return answer

    async def remove_last_answer(self) -> None:
        """Because the question is asked again."""
        children = list(self.children)
        while children and not children[-1].has_class("question"):
            await children.pop().remove()

    async def add_line(self, text: str, kind: str = "note") -> None:
        """A sentence of the program's own: class `note` or `failure`."""
        await self.mount(Static(text, classes=kind, markup=False))
        self.anchor()
