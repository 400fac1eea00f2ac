"""The tables, as a list of steps from an empty file to today. A step that was shipped never changes.

`PRAGMA user_version` is the number of steps done. Each step is one transaction that looks at the
version again after it has the write lock, so two processes may migrate at once. Each step changes a
table or an index beside the search table, so that the version can be seen where its number is damaged.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from soro_edge.errors import HistoryDamaged, HistoryTooNew
from soro_edge.history.database import text_of, transaction
from soro_edge.history.folding import folded_words


def _conversations_and_messages(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE conversations ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT,"  # a number is never given twice
        " title TEXT NOT NULL,"
        " named INTEGER NOT NULL DEFAULT 0 CHECK (named IN (0, 1)),"  # by a person
        " created REAL NOT NULL,"
        " updated REAL NOT NULL) STRICT"
    )
    connection.execute(
        "CREATE INDEX conversations_by_activity ON conversations (updated DESC, id DESC)"
    )
    connection.execute(
        "CREATE TABLE messages ("
        " id INTEGER PRIMARY KEY AUTOINCREMENT,"
        " conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,"
        " role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),"
        " text TEXT NOT NULL,"
        " state TEXT NOT NULL,"
        " superseded INTEGER NOT NULL DEFAULT 0 CHECK (superseded IN (0, 1)),"
        " created REAL NOT NULL) STRICT"
    )
    connection.execute("CREATE INDEX messages_in_order ON messages (conversation, superseded, id)")


def _search(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE INDEX messages_unfinished ON messages (id) WHERE state = 'writing'")
    build_search(connection)


def build_search(connection: sqlite3.Connection) -> None:
    """The table of folded words: rowid is a message's id, or minus the id of a conversation
    that a person named (a title made from the first question is found as that question)."""
    connection.execute(
        "CREATE VIRTUAL TABLE search USING fts5"
        " (words, prefix = '1 2 3', tokenize = 'unicode61 remove_diacritics 0')"
    )
    rows = connection.execute("SELECT id, text FROM messages WHERE superseded = 0")
    connection.executemany(
        "INSERT INTO search (rowid, words) VALUES (?, ?)",
        ((id_, " ".join(folded_words(text_of(text)))) for id_, text in rows),
    )
    titles = connection.execute("SELECT id, title FROM conversations WHERE named = 1")
    connection.executemany(
        "INSERT INTO search (rowid, words) VALUES (?, ?)",
        ((-id_, " ".join(folded_words(text_of(title)))) for id_, title in titles),
    )


def _trash(connection: sqlite3.Connection) -> None:
    # When a person deleted it, in epoch seconds; its rows go when that can no longer be undone.
    connection.execute("ALTER TABLE conversations ADD COLUMN trashed REAL")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _conversations_and_messages,
    _search,
    _trash,
)


_NEWER_VERSIONS = 3
"""A number that is higher by more, over today's tables, is a damaged byte and no newer program's."""


def version_of(connection: sqlite3.Connection) -> int:
    """How many steps the file has behind it, as it says."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def version_by_tables(connection: sqlite3.Connection) -> int | None:
    """How many steps the file has behind it, as its tables show; None where no version had these."""
    tables = _tables(connection)
    with closing(sqlite3.connect(":memory:")) as blank:
        for steps in range(len(MIGRATIONS) + 1):
            if _tables(blank) == tables:
                return steps
            if steps < len(MIGRATIONS):
                MIGRATIONS[steps](blank)
    return None


def mend_version(connection: sqlite3.Connection) -> None:
    """Correct the number of steps where the tables show that a byte of it is damaged."""
    version = version_of(connection)
    if version == len(MIGRATIONS):
        return
    shown = version_by_tables(connection)
    if shown is not None and not len(MIGRATIONS) < version <= len(MIGRATIONS) + _NEWER_VERSIONS:
        connection.execute(f"PRAGMA user_version = {shown}")


def migrate(connection: sqlite3.Connection, path: Path, *, steps: int = len(MIGRATIONS)) -> None:
    """Bring the file to the version `steps`; nothing is written where it is there already.

    Raises HistoryTooNew where it is past all known versions, HistoryDamaged where its tables are not
    those of its version.
    """
    if version_of(connection) > len(MIGRATIONS):
        raise HistoryTooNew(path=str(path))
    while version_of(connection) < steps:
        with transaction(connection):
            done = version_of(connection)
            if done < steps:
                if version_by_tables(connection) != done:
                    raise HistoryDamaged(path=str(path))
                MIGRATIONS[done](connection)
                connection.execute(f"PRAGMA user_version = {done + 1}")


def _tables(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Names and definitions, without the search table, which is built again where it is lost."""
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE tbl_name NOT LIKE 'search%'"
        " AND tbl_name NOT LIKE 'sqlite_%'"
    )
    return {(name, " ".join(str(sql).split())) for name, sql in rows}
