"""Deleted conversations that can still be brought back: hidden from every reader, their rows untouched.

Knows the tables. What becomes of them on the disk is erasure.py's.
"""

import sqlite3

from soro_edge.errors import ConversationGone

UNDO_SECONDS = 60.0
"""So long a deletion can be undone."""


def put_into_trash(connection: sqlite3.Connection, conversation_id: int, now: float) -> None:
    """Hide a conversation. Raises ConversationGone."""
    _set_trashed(connection, conversation_id, now, "trashed IS NULL")


def take_out_of_trash(connection: sqlite3.Connection, conversation_id: int) -> None:
    """Show it again as it was. Raises ConversationGone where it is erased already."""
    _set_trashed(connection, conversation_id, None, "trashed IS NOT NULL")


def trashed_conversations(connection: sqlite3.Connection) -> dict[int, float]:
    """The hidden conversations, and when each was deleted (UTC epoch seconds)."""
    rows = connection.execute("SELECT id, trashed FROM conversations WHERE trashed IS NOT NULL")
    return dict(rows.fetchall())


def _set_trashed(
    connection: sqlite3.Connection, conversation_id: int, when: float | None, where: str
) -> None:
    changed = connection.execute(
        f"UPDATE conversations SET trashed = ? WHERE id = ? AND {where}", (when, conversation_id)
    )
    if not changed.rowcount:
        raise ConversationGone(id=conversation_id)
