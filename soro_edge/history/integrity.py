"""Is this file a whole history? Looks, and mends nothing but the search table.

SQLite keeps no checksums: a bit that flips inside a text is not seen (and the text stays readable).
What is seen is everything that breaks the structure: cut files, overwritten pages, lost headers.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from soro_edge.history.database import connect, connect_frozen, is_damage, transaction
from soro_edge.history.migrations import MIGRATIONS, build_search, version_of

_TABLES = {"conversations", "messages"}


def damage_in_open_file(path: Path, *, thorough: bool, blank_allowed: bool) -> str:
    """What is wrong with a history that others may be using, in SQLite's words; empty if nothing.

    The quick look reads the schema, which also finds a file shorter than it should be; the thorough
    one reads every page. Errors that are no damage (a locked file, no permission) are raised.
    """
    return _damage(connect(path), thorough=thorough, blank_allowed=blank_allowed)


def damage_in_frozen_file(path: Path) -> str:
    """The thorough look at a file that nobody writes, such as a backup."""
    return _damage(connect_frozen(path), thorough=True, blank_allowed=False)


def mend_search(path: Path) -> bool:
    """Build the search table again where it contradicts itself; whether that was needed."""
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
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return False
        raise
    return True


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
            report: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            return "" if report == "ok" else report
        return ""
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        raise
    finally:
        connection.close()
