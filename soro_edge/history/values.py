"""What the history tells its callers: plain values, no SQL and no files opened."""

from dataclasses import dataclass
from pathlib import Path

from soro_edge.locale import _, local_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One line of the list of conversations."""

    id: int
    title: str
    created: float
    """UTC epoch seconds."""
    updated: float
    """UTC epoch seconds of the newest question or answer; renaming does not count."""
    messages: int
    """Questions and answers, without answers that were asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A piece of an original text around the first word that was found, on one line."""

    before: str
    match: str
    after: str

    def __str__(self) -> str:
        return self.before + self.match + self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One message, or one title that a person gave, in which all words occur."""

    conversation_id: int
    title: str
    message_id: int | None
    """None where the title was found."""
    snippet: Snippet
    created: float
    """UTC epoch seconds of the message, or of the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What opening a damaged history did. Nothing was deleted."""

    path: Path
    kept: Path | None
    """The damaged file, moved aside; None where the file was gone altogether."""
    restored_from: Path | None
    """The backup; None where none could be read, so that a new history was begun."""
    backup_time: float | None
    """UTC epoch seconds of the last change that the backup holds."""
    rescued: int = 0
    """Messages newer than that, read out of the damaged file."""

    @property
    def message(self) -> str:
        """What happened, in the language in use."""
        if self.backup_time is None:
            text = _("The history was damaged and had no backup; a new one was begun: {path}")
            return text.format(path=self.path)
        text = _("The history was damaged. It was restored as it was on {when}.")
        return text.format(when=local_time(self.backup_time))

    @property
    def advice(self) -> str:
        """What was kept, in the language in use; empty where there was nothing to keep."""
        if self.kept is None:
            return ""
        told = _("The damaged file is kept as {kept}.").format(kept=self.kept)
        if self.rescued:
            newer = _("Newer messages that could be read from it: {count}.")
            told += " " + newer.format(count=self.rescued)
        return told
