"""The six letters that Russian layouts lack: by Alt in any field, and by F1 to F6 while their row is open.

The row shows which key writes which letter. Typing goes on in the question: the row takes no focus.
"""

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from soro_edge.control_characters import without_control_characters
from soro_edge.tajik import OWN_LETTERS, PLAIN_LETTERS

TAJIK_LETTERS = dict(
    zip(
        PLAIN_LETTERS + PLAIN_LETTERS.upper(),
        OWN_LETTERS + OWN_LETTERS.upper(),
        strict=True,
    )
)
"""Alt and the plain letter give the Tajik one."""

ROW_KEYS = dict(zip(("f1", "f2", "f3", "f4", "f5", "f6"), "ғӣқӯҳҷ", strict=True))
"""While the row is open, these keys write these letters."""
CASE_KEY = "f8"
"""While the row is open, this key changes between small letters and capitals for the next letter."""

_GAPS = ("   ", "  ", " ")
"""Between two letters of the row: the first that leaves room for all of them."""


def letter_of(key: str) -> str:
    """The letter that this key, as Textual names it, stands for; empty for every other key."""
    before, alt, plain = key.partition("alt+")
    letter = TAJIK_LETTERS.get(plain.removeprefix("shift+"), "") if alt else ""
    return letter.upper() if "shift+" in before + plain else letter


def begins_a_sentence(before: str) -> bool:
    """Whether a letter written after `before` is a capital."""
    return before[-1:] in ("", " ", "\n") and before.rstrip(" ")[-1:] in ("", *".!?…\n")


def make_harmless(event: events.Paste) -> None:
    """Let nothing into a field that would steer the terminal when it is painted."""
    lines = event.text.replace("\r\n", "\n").replace("\r", "\n")
    event.text = without_control_characters(lines)


class TajikInput(Input):
    """One line of text, with Alt for the six letters."""

    def _on_paste(self, event: events.Paste) -> None:
        make_harmless(event)  # Textual hands it on to the class above

    async def _on_key(self, event: events.Key) -> None:
        letter = letter_of(event.key)
        if not letter:
            return  # Textual hands it on to the class above
        if self.selection.is_empty:
            self.insert_text_at_cursor(letter)
        else:
            self.replace(letter, *self.selection)
        event.stop()
        event.prevent_default()


class LetterRow(Static):
    """Which key writes which letter, now; the mouse picks too."""

    can_focus = False
    capitals: reactive[bool] = reactive(False)

    class Picked(Message):
        """The mouse chose this key of the row."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    @property
    def _cells(self) -> list[tuple[str, str]]:
        """Keys of the row, each with what is shown for it."""
        letters = [
            (key, f"{key.upper()} {letter.upper() if self.capitals else letter}")
            for key, letter in ROW_KEYS.items()
        ]
        return [*letters, (CASE_KEY, f"{CASE_KEY.upper()} {'а' if self.capitals else 'А'}")]

    @property
    def _gap(self) -> str:
        texts = [text for _key, text in self._cells]
        room = self.content_size.width
        return next((gap for gap in _GAPS if len(gap.join(texts)) <= room), _GAPS[-1])

    def render(self) -> Content:
        return Content(self._gap.join(text for _key, text in self._cells))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        end = 0
        for key, text in self._cells:
            end += len(text) + len(self._gap)
            if offset.x < end:
                self.post_message(self.Picked(key))
                return
