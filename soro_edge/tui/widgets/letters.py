"""The six letters that Russian layouts lack: by Alt, in any field, and in a row to pick from."""

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

ROW = tuple(TAJIK_LETTERS.values())
CELLS = 3
"""Width of one letter in the row, where all of them fit."""
NARROW_CELLS = 2


def letter_of(key: str) -> str:
    """The letter that this key, as Textual names it, stands for; empty for every other key."""
    before, alt, plain = key.partition("alt+")
    letter = TAJIK_LETTERS.get(plain.removeprefix("shift+"), "") if alt else ""
    return letter.upper() if "shift+" in before + plain else letter


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


class LetterRow(Static, can_focus=True):
    """The letters in a row: arrows and Enter, or the mouse."""

    chosen: reactive[int] = reactive(0)

    class Picked(Message):
        """This letter is wanted."""

        def __init__(self, letter: str) -> None:
            super().__init__()
            self.letter = letter

    def render(self) -> Content:
        here = self.chosen if self.has_focus else -1
        cells = self._cells
        return Content.assemble(
            *(
                (letter.center(cells), "reverse" if at == here else "")
                for at, letter in enumerate(ROW)
            )
        )

    @property
    def _cells(self) -> int:
        """Of one letter now: beside the list on a narrow screen, less."""
        return CELLS if self.content_size.width >= CELLS * len(ROW) else NARROW_CELLS

    def on_key(self, event: events.Key) -> None:
        if event.key in ("left", "right"):
            self.chosen = (self.chosen + (1 if event.key == "right" else -1)) % len(ROW)
        elif event.key in ("enter", "space"):
            self.post_message(self.Picked(ROW[self.chosen]))
        else:
            return
        event.stop()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset and offset.x // self._cells < len(ROW):
            self.post_message(self.Picked(ROW[offset.x // self._cells]))
