"""Is this file a whole history? Looks, and mends nothing but the search table.

SQLite keeps no checksums: a bit that flips inside a text is not seen (and the text stays readable).
What is seen is everything that breaks the structure: cut files, overwritten pages, lost headers.
"""

import sqlite3
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
    connection = connect(path)
    try:
        if version_of(connection) != len(MIGRATIONS):
            return False
        try:
            connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            with transaction(connection):
                connection.execute("DROP TABLE search")
                build_search(connection)
            return True
        return False
    finally:
        connection.close()


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
