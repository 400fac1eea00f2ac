"""Where the pupil writes: several lines, Enter sends; Alt, or F1 to F6 by the row, give the Tajik letters.

Knows nothing of the conversation: it posts PromptSubmitted, and WordWritten and Paused on
the way there.
"""

from textual import events, on
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from soro_edge.chat.turns import ends_a_sentence, whole_words
from soro_edge.tui.widgets.letters import (
    CASE_KEY,
    ROW_KEYS,
    TAJIK_LETTERS,
    begins_a_sentence,
    letter_of,
    make_harmless,
)
from soro_edge.tui.widgets.recall import Recall

__all__ = ["NEW_LINE_KEYS", "TAJIK_LETTERS", "Prompt"]

NEW_LINE_KEYS = ("ctrl+j", "alt+enter", "shift+enter")

PAUSE_SECONDS = 0.4
"""Without a key: twice as long as between the letters of one who writes slowly."""


class Prompt(TextArea):
    """The question being written."""

    class PromptSubmitted(Message):
        """The pupil pressed Enter."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class WordWritten(Message):
        """The whole words of the question are others than before, or a sentence has ended."""

    class CaseChanged(Message):
        """The next letter of the row may have another case than before."""

    class Paused(Message):
        """No key for a moment: what is written may be sent next."""

    def __init__(self, *, id: str, placeholder: str) -> None:
        super().__init__(
            id=id,
            placeholder=placeholder,
            soft_wrap=True,
            show_line_numbers=False,
            tab_behavior="focus",
        )
        for key in ("f6", "f7"):  # a TextArea selects with them; here they are the screen's
            self._bindings.key_to_bindings.pop(key, None)
        self.row_open = False
        """Whether F1 to F6 write the letters of the row."""
        self.recall = Recall()
        self._case_changed = False
        self._words = ""
        self._pause: Timer | None = None

    @property
    def capitals(self) -> bool:
        """Whether the next letter of the row is a capital."""
        row, column = self.cursor_location
        before = "\n".join([*self.document.lines[:row], self.document.lines[row][:column]])
        return begins_a_sentence(before) != self._case_changed

    def press_row_key(self, key: str) -> None:
        """Write the letter of this key of the row, or change the case of the next one."""
        if key == CASE_KEY:
            self._case_changed = not self._case_changed
        else:
            letter = ROW_KEYS[key].upper() if self.capitals else ROW_KEYS[key]
            self._case_changed = False
            self.replace(letter, *self.selection, maintain_selection_offset=False)
        self.post_message(self.CaseChanged())

    @on(TextArea.Changed)
    def _tell_words(self) -> None:
        if self._pause is not None:
            self._pause.stop()
            self._pause = None
        if self.text:
            self._pause = self.set_timer(PAUSE_SECONDS, lambda: self.post_message(self.Paused()))
        ended = ends_a_sentence(self.text)
        words = self.text if ended else whole_words(self.text)
        if words != self._words:
            self._words = words
            self.post_message(self.WordWritten())

    async def _on_paste(self, event: events.Paste) -> None:
        make_harmless(event)  # Textual hands it on to the class above

    async def _on_key(self, event: events.Key) -> None:
        # Here and not as bindings: those would overtake letters that still wait in the queue.
        letter = letter_of(event.key)
        if event.key == "enter":
            self.post_message(self.PromptSubmitted(self.text))
        elif event.key in NEW_LINE_KEYS:
            self.insert("\n")
        elif event.key == "ctrl+a":
            self.select_all()
        elif letter:
            self.replace(letter, *self.selection, maintain_selection_offset=False)
        elif self.row_open and (event.key in ROW_KEYS or event.key == CASE_KEY):
            self.press_row_key(event.key)
        elif not (event.key in ("up", "down") and self._recalled(event.key)):
            return  # Textual hands it on to the class above
        event.stop()
        event.prevent_default()

    def _recalled(self, key: str) -> bool:
        """Whether the key brought another question, from the edge of the one that is shown."""
        wrapped = self.wrapped_document
        line = wrapped.location_to_offset(self.cursor_location).y
        if line != (0 if key == "up" else wrapped.height - 1):
            return False
        text = self.recall.step(self.text, -1 if key == "up" else 1)
        if text is None:
            return False
        self.write(text)
        return True

    def write(self, text: str) -> None:
        """Put this in place of what is written; the cursor stands at its end."""
        self.text = text
        self.move_cursor(self.document.end)
