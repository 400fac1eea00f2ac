"""What can be read of a history: the list, one conversation, a search. Knows no file and no screen."""

import sqlite3
from contextlib import AbstractContextManager
from typing import Protocol, Self

from soro_edge.chat.messages import Message
from soro_edge.errors import NoConversation
from soro_edge.history.database import seconds_of, text_of
from soro_edge.history.log import read_messages
from soro_edge.history.search import find
from soro_edge.history.values import Conversation, Recovery, SearchHit

_CONVERSATION = """
    SELECT id, title, created, updated, (
        SELECT count(*) FROM messages WHERE conversation = conversations.id AND superseded = 0
    ) FROM conversations WHERE trashed IS NULL
"""
_LARGEST = 2**63 - 1
"""SQLite takes no number above it."""


class Readable(Protocol):
    """Where the rows come from. Raises StorageError, in any thread."""

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """For SELECTs whose rows are fetched inside the block."""

    def close(self) -> None: ...


class HistoryReader:
    """An open history, to be read. Every call may raise StorageError and may come from any thread."""

    def __init__(self, database: Readable, *, recovery: Recovery | None = None) -> None:
        self._rows = database
        self.recovery = recovery
        """What was repaired at opening, to be shown; None where nothing was wrong."""

    def close(self) -> None:
        self._rows.close()

    def conversations(self, *, limit: int = 200, offset: int = 0) -> list[Conversation]:
        """The list, newest activity first."""
        with self._rows.reading() as connection:
            rows = connection.execute(
                _CONVERSATION + " ORDER BY updated DESC, id DESC LIMIT ? OFFSET ?",
                (min(limit, _LARGEST), min(offset, _LARGEST)),
            ).fetchall()
        return [_conversation(*row) for row in rows]

    def describe(self, conversation_id: int) -> Conversation:
        """One line of the list. Raises NoConversation."""
        if abs(conversation_id) > _LARGEST:
            raise NoConversation(id=conversation_id)
        with self._rows.reading() as connection:
            row = connection.execute(_CONVERSATION + " AND id = ?", (conversation_id,)).fetchone()
        if row is None:
            raise NoConversation(id=conversation_id)
        return _conversation(*row)

    def messages(self, conversation_id: int) -> list[Message]:
        """What was said, without answers that were asked for again. Raises NoConversation."""
        with self._rows.reading() as connection:
            messages = read_messages(connection, conversation_id)
        if not messages:
            self.describe(conversation_id)
        return messages

    def search(self, text: str, *, limit: int = 50) -> list[SearchHit]:
        """Where every word of `text` occurs, the last as a beginning; newest first."""
        with self._rows.reading() as connection:
            return find(connection, text, limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _conversation(
    id_: int, title: object, created: object, updated: object, messages: int
) -> Conversation:
    # A damaged row may hold anything; what can be read of it is shown.
    return Conversation(
        id=id_,
        title=text_of(title),
        created=seconds_of(created),
        updated=seconds_of(updated),
        messages=messages,
    )
