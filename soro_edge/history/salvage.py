"""What the backup does not hold yet and a damaged file still does: read row by row, kept in the new.

A damaged page takes its own rows along and no others: each row is asked for by its number. A wrong
row is refused by the table's checks. Only rows newer than the backup's are taken; the damaged file
is not changed.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from soro_edge.chat.messages import Role
from soro_edge.history.database import SQLITE_ERRORS, connect
from soro_edge.history.files import HistoryFiles, copy_private, size_bytes
from soro_edge.history.header import mend_header
from soro_edge.history.search import index_message, index_title
from soro_edge.history.titles import title_of

_CONVERSATION = "id, title, named, created, updated"
_MESSAGE = "id, conversation, role, text, state, superseded, created"

_MOST_MISSING = 100_000
"""So many numbers in a row without a message: what follows is not looked for."""
_MOST_ROWS = 1_000_000
"""A number that is damaged itself must not keep a pupil waiting."""


def salvage(damaged: Path, connection: sqlite3.Connection, workspace: Path) -> int:
    """Bring what can be read of `damaged` into `connection`; how many messages that were.

    `workspace` is the name of a file that is made and deleted: a copy with a sound header.
    """
    rescued = 0
    log = HistoryFiles(damaged).wal
    of_copy = HistoryFiles(workspace)
    try:
        for with_log in (True, False) if size_bytes(log) else (False,):
            copy_private(damaged, workspace)
            mend_header(workspace, with_log=with_log)
            of_copy.shm.unlink(missing_ok=True)
            of_copy.wal.unlink(missing_ok=True)
            if with_log:
                copy_private(log, of_copy.wal)
            with suppress(*SQLITE_ERRORS), closing(connect(workspace)) as source:
                rescued += _bring_rows(source, connection)
    finally:
        for file in (workspace, of_copy.wal, of_copy.shm):
            file.unlink(missing_ok=True)
    return rescued


def _bring_rows(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    # Otherwise a file that was cut short is refused as a whole.
    source.execute("PRAGMA writable_schema = ON")
    rescued = 0
    for row in _readable_rows(source, "conversations", _CONVERSATION, target):
        with suppress(sqlite3.IntegrityError):
            _bring_conversation(target, row)
    for row in _readable_rows(source, "messages", _MESSAGE, target):
        with suppress(sqlite3.IntegrityError):
            rescued += _bring_message(target, row)
    _trash_what_was_trashed(source, target)
    return rescued


def _trash_what_was_trashed(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """A conversation that was deleted since the backup does not come back with it."""
    query = "SELECT trashed, id FROM conversations WHERE id = ?"
    for row in _by_number(source, query, 1, _last_number(source, "conversations")):
        if isinstance(row[0], int | float) and row[0] > 0:
            target.execute("UPDATE conversations SET trashed = ? WHERE id = ?", row)


def _bring_conversation(connection: sqlite3.Connection, row: tuple[object, ...]) -> None:
    id_, title, named, *_times = row
    connection.execute(_insert("conversations", _CONVERSATION), row)
    if named and isinstance(id_, int) and isinstance(title, str):
        index_title(connection, id_, title)


def _bring_message(connection: sqlite3.Connection, row: tuple[object, ...]) -> bool:
    id_, conversation, role, text, _state, superseded, created = row
    if not (isinstance(id_, int) and isinstance(text, str) and role in tuple(Role)):
        return False
    title = title_of(text) if role == Role.USER else "…"
    connection.execute(
        "INSERT OR IGNORE INTO conversations (id, title, created, updated) VALUES (?, ?, ?, ?)",
        (conversation, title, created, created),
    )
    connection.execute(_insert("messages", _MESSAGE), row)
    if not superseded:
        index_message(connection, id_, text)
    return True


def _readable_rows(
    source: sqlite3.Connection, table: str, columns: str, target: sqlite3.Connection
) -> Iterator[tuple[object, ...]]:
    """The rows of `source` whose numbers are above all in `target`."""
    newest = target.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
    query = f"SELECT {columns} FROM {table} WHERE id = ?"
    return _by_number(source, query, newest + 1, _last_number(source, table))


def _by_number(
    source: sqlite3.Connection, query: str, first: int, last: int
) -> Iterator[tuple[object, ...]]:
    """What `query` finds for each number that can be read."""
    missing = 0
    for number in range(first, last + 1):
        row: tuple[object, ...] | None = None
        with suppress(*SQLITE_ERRORS):
            row = source.execute(query, (number,)).fetchone()
        if row is not None:
            missing = 0
            yield row
            continue
        missing += 1
        if missing > _MOST_MISSING:
            # A damaged file may say that its last number is in the billions.
            return


def _last_number(source: sqlite3.Connection, table: str) -> int:
    """The newest row's number; 0 where the file cannot be read at all."""
    found = 0
    for query in (
        f"SELECT max(id) FROM {table}",
        f"SELECT max(seq) FROM sqlite_sequence WHERE name = '{table}'",
    ):
        with suppress(*SQLITE_ERRORS):
            (number,) = source.execute(query).fetchone()
            if isinstance(number, int):
                found = max(found, number)
    return min(found, _MOST_ROWS)


def _insert(table: str, columns: str) -> str:
    marks = ", ".join("?" for _ in columns.split(","))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"
