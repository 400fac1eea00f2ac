"""Is this file a whole history? Looks, and mends only what the rest of the file tells: the search table
and the number of its version.

SQLite keeps no checksums: a bit that flips inside a text is not seen (and the text stays readable).
What is seen is everything that breaks the structure: cut files, overwritten pages, lost headers.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from soro_edge.history.database import (
    SQLITE_ERRORS,
    connect,
    connect_frozen,
    is_damage,
    text_of,
    transaction,
)
from soro_edge.history.folding import folded_words
from soro_edge.history.header import header_damage
from soro_edge.history.migrations import (
    MIGRATIONS,
    build_search,
    mend_version,
    version_by_tables,
    version_of,
)

_TABLES = {"conversations", "messages"}


def damage_in_open_file(path: Path, *, thorough: bool, blank_allowed: bool) -> str:
    """What is wrong with a history that others may be using, in SQLite's words; empty if nothing.

    The quick look reads the header and the schema, which also finds a file shorter than it should be;
    the thorough one reads every page. Errors that are no damage (a locked file, no permission) are
    raised.
    """
    if damage := header_damage(path):
        return damage
    return _damage(connect(path), thorough=thorough, blank_allowed=blank_allowed)


def damage_in_frozen_file(path: Path) -> str:
    """The thorough look at a file that nobody writes, such as a backup."""
    if damage := header_damage(path):
        return damage
    return _damage(connect_frozen(path), thorough=True, blank_allowed=False)


def mend_number(path: Path) -> None:
    """Correct the version's number where the tables show another. Only while nobody else is here."""
    with closing(connect(path)) as connection:
        mend_version(connection)


def mend_search(path: Path) -> bool:
    """Build the search table again where it contradicts itself or the messages, or is not there;
    whether that was needed."""
    with closing(connect(path)) as connection:
        if version_of(connection) != len(MIGRATIONS) or _search_is_sound(connection):
            return False
        with transaction(connection):
            _drop_search(connection)
            build_search(connection)
        return True


def _search_is_sound(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")
        indexed = {row[0] for row in connection.execute("SELECT id FROM search_docsize")}
        shown = connection.execute("SELECT id, text FROM messages WHERE superseded = 0")
        with_words = {id_ for id_, text in shown if id_ in indexed or folded_words(text_of(text))}
        return with_words == {id_ for id_ in indexed if id_ > 0}
    except SQLITE_ERRORS as error:
        if is_damage(error):
            return False
        raise


def _drop_search(connection: sqlite3.Connection) -> None:
    # FTS5 refuses to drop a table that it cannot load, so its parts are dropped one by one.
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_schema WHERE name = 'search'")
    connection.execute("PRAGMA writable_schema = RESET")
    for part in ("data", "idx", "content", "docsize", "config"):
        connection.execute(f"DROP TABLE IF EXISTS search_{part}")


def _damage(connection: sqlite3.Connection, *, thorough: bool, blank_allowed: bool) -> str:
    try:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = {name for (name,) in rows}
        if not tables >= _TABLES and not (blank_allowed and version_of(connection) == 0):
            return "tables are missing"
        if thorough:
            version = version_of(connection)
            if version <= len(MIGRATIONS) and version != version_by_tables(connection):
                return "the tables are not those of their version"
            return _page_damage(connection)
        return ""
    except SQLITE_ERRORS as error:
        if is_damage(error):
            return str(error)
        raise
    finally:
        connection.close()


def _page_damage(connection: sqlite3.Connection) -> str:
    # Not `quick_check`, which does not compare an index with its table: a wiped index hides messages.
    for (report,) in connection.execute("PRAGMA integrity_check(9)"):
        # Newer versions of SQLite look into the search table, too: that is `mend_search`'s.
        if report != "ok" and "FTS5" not in report:
            return str(report)
    return ""
