"""The list of conversations, or of what a search found in them. Posts which one was chosen."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

_LEAD_LETTERS = 8
"""So much of the text before a found word is shown: the word itself must be in sight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the list."""

    conversation_id: int | None
    """None for the chat that is open and in which nothing was asked yet."""
    title: str
    when: float
    """UTC epoch seconds."""
    message_id: int | None = None
    """The message that a search found; None for a whole conversation."""
    snippet: tuple[str, str, str] | None = None
    """What stands before the found word, the word, and what follows."""

    @property
    def key(self) -> str:
        return f"{self.conversation_id} {self.message_id}"


class ConversationList(OptionList):
    """Newest first; Enter opens."""

    class Chosen(Message):
        """The pupil wants to read this conversation, or the one that was just begun."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._entries: dict[str, Entry] = {}

    def fill(self, entries: Sequence[Entry], current: int | None, heading: str = "") -> None:
        """Show these; `current` is marked, and highlighted unless the list is in use."""
        highlighted = self._highlighted.key if self.has_focus and self._highlighted else ""
        self._entries = {entry.key: entry for entry in entries}
        self.set_class(bool(heading), "filtered")
        self.clear_options()
        if heading:
            self.add_option(Option(heading, disabled=True))
        self.add_options(
            Option(_drawn(entry, entry.conversation_id == current), id=entry.key)
            for entry in self._entries.values()
        )
        keys = list(self._entries)
        wanted = highlighted or next(
            (entry.key for entry in entries if entry.conversation_id == current), ""
        )
        if keys:
            at = keys.index(wanted) if wanted in self._entries else 0
            self.highlighted = at + bool(heading)

    def title_of(self, conversation_id: int) -> str:
        """As it is shown; empty where it is not."""
        for entry in self._entries.values():
            if entry.conversation_id == conversation_id:
                return entry.title
        return ""

    @property
    def _highlighted(self) -> Entry | None:
        option = self.highlighted_option
        return self._entries.get(option.id) if option and option.id else None

    @property
    def highlighted_id(self) -> int | None:
        return self._highlighted.conversation_id if self._highlighted else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id in self._entries:
            self.post_message(self.Chosen(self._entries[event.option_id]))


def short_date(when: float, now: float) -> str:
    """The time of a day that is today, else the day."""
    try:
        then, today = time.localtime(when), time.localtime(now)
    except (OverflowError, ValueError, OSError):  # a file may hold any number
        return "?"
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%d.%m" if then.tm_year == today.tm_year else "%d.%m.%y", then)


def _drawn(entry: Entry, current: bool) -> Content:
    date = short_date(entry.when, time.time())
    line = Content(f"{'▌' if current else ' '}{date} {entry.title}")
    if entry.snippet is None:
        return line
    before, match, after = entry.snippet
    if len(before) > _LEAD_LETTERS:
        before = "…" + before[-_LEAD_LETTERS:]
    return Content.assemble(line, "\n  ", before, (match, "bold underline"), after)
