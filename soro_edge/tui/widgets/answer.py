"""One answer: Markdown that grows while it streams, and a note on how it ended."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from soro_edge.chat.endings import how_it_ended
from soro_edge.chat.messages import AnswerState
from soro_edge.locale import _

if TYPE_CHECKING:
    from textual.widgets import Markdown
    from textual.widgets.markdown import MarkdownStream


def note_of(state: AnswerState) -> str:
    """What the pupil is told about an answer that is not simply whole: how it ended, and what helps."""
    match state:
        case AnswerState.COMPLETE:
            return ""
        case AnswerState.CUT:
            hint = _("Write: continue.")
        case AnswerState.LOOPED | AnswerState.EMPTY:
            hint = _("F5 asks again, or ask in other words.")
        case AnswerState.STOPPED | AnswerState.WRITING | AnswerState.FAILED:
            hint = _("F5 asks again.")
    return f"{how_it_ended(state)} {hint}"


def import_markdown() -> None:
    """In a thread after the first paint, so that the first answer does not wait for it either."""
    import soro_edge.tui.widgets.markdown  # noqa: F401


class Answer(Vertical):
    """An answer, stored or being written."""

    def __init__(self, text: str = "", note: str = "") -> None:
        super().__init__()
        self.text = text
        self._note = note
        self._markdown: Markdown | None = None
        self._stream: MarkdownStream | None = None

    def compose(self) -> ComposeResult:
        # Not at the top: the first paint does not wait for the Markdown parser.
        from soro_edge.tui.widgets.markdown import AnswerMarkdown

        self._markdown = AnswerMarkdown(self.text)
        yield self._markdown
        line = Static(self._note, classes="note", markup=False)
        line.display = bool(self._note)
        yield line

    async def append(self, text: str) -> None:
        """Some more of the answer."""
        if self._stream is None and self._markdown is not None:
            self._stream = self._markdown.get_stream(self._markdown)
        self.text += text
        if self._stream is not None:
            await self._stream.write(text)

    async def finish(self, note: str) -> None:
        """Nothing follows."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        line = self.query_one(".note", Static)
        line.update(note)
        line.display = bool(note)
