"""A ConversationStore in memory, so that the screen is tested without SQLite; it can be told to fail."""

from collections.abc import Sequence
from dataclasses import dataclass

from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.messages import MessageLog
from soro_edge.errors import ConversationGone, StorageError


@dataclass(slots=True, kw_only=True)
class Line:
    """One conversation of the list."""

    id: int
    title: str
    updated: float = 1_764_500_000.0


@dataclass(slots=True, kw_only=True)
class Piece:
    """A found word with what stands around it."""

    before: str
    match: str
    after: str


@dataclass(slots=True, kw_only=True)
class Hit:
    """One message that a search found."""

    conversation_id: int
    title: str
    message_id: int | None
    snippet: Piece
    created: float = 1_764_500_000.0


class StoredLog(MemoryLog):
    """A MemoryLog that enters the store with its first question."""

    def __init__(self, store: "MemoryStore") -> None:
        super().__init__()
        self._store = store
        self.id: int | None = None

    def add_question(self, text: str) -> int:
        if self._store.fails:
            raise self._store.fails
        if self.id is None:
            self.id = 1 + len(self._store.logs)
            self._store.logs[self.id] = self
            self._store.titles[self.id] = text
        return super().add_question(text)


class MemoryStore:
    """Conversations for as long as the test runs."""

    recovery = None

    def __init__(self) -> None:
        self.logs: dict[int, StoredLog] = {}
        self.titles: dict[int, str] = {}
        self.trashed: dict[int, str] = {}
        self.fails: StorageError | None = None
        """Raised by every change while it is set."""
        self.closed = False

    def conversations(self, *, limit: int = 200, offset: int = 0) -> Sequence[Line]:
        newest = sorted(self.titles, reverse=True)[offset : offset + limit]
        return [Line(id=number, title=self.titles[number]) for number in newest]

    def new_conversation(self) -> StoredLog:
        return StoredLog(self)

    def conversation(self, conversation_id: int) -> StoredLog:
        if conversation_id not in self.titles:
            raise ConversationGone(id=conversation_id)
        return self.logs[conversation_id]

    def rename(self, conversation_id: int, title: str) -> None:
        if self.fails:
            raise self.fails
        self.titles[conversation_id] = title

    def trash(self, conversation_id: int) -> None:
        if self.fails:
            raise self.fails
        if conversation_id not in self.titles:
            raise ConversationGone(id=conversation_id)
        self.trashed[conversation_id] = self.titles.pop(conversation_id)

    def restore(self, conversation_id: int) -> None:
        if conversation_id not in self.trashed:
            raise ConversationGone(id=conversation_id)
        self.titles[conversation_id] = self.trashed.pop(conversation_id)

    def purge(self) -> None:
        self.trashed.clear()

    def search(self, text: str, *, limit: int = 50) -> Sequence[Hit]:
        hits = []
        for line in self.conversations():
            for message in reversed(self.logs[line.id].messages()):
                before, match, after = message.text.partition(text)
                if match:
                    piece = Piece(before=before, match=match, after=after)
                    hits.append(
                        Hit(
                            conversation_id=line.id,
                            title=line.title,
                            message_id=message.id,
                            snippet=piece,
                        )
                    )
        return hits[:limit]

    def close(self) -> None:
        self.closed = True


def told(log: MessageLog) -> list[tuple[str, str]]:
    """A conversation's texts and states."""
    return [(message.text, message.state.value) for message in log.messages()]
