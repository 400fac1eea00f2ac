"""Deleted conversations leave the disk: the file, its log and search index, the backup, kept copies.

SQLite only marks deleted rows as free, and FTS5 writes a deleted word once more, beside the old one,
until it merges its index some day. FTS5's own `secure-delete` is not used: it needs SQLite 3.42, and
makes a file that an older SQLite, such as the one in our program for Linux, refuses.

What is to be erased is written down first (`history.erasing-…`), so that a power cut ends nothing: the next
start does the rest. Knows no screen; what else holds a pupil's words is erased by a function that is given.
"""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

from soro_edge.errors import HistoryBusy
from soro_edge.history.backup import make_backup
from soro_edge.history.database import SQLITE_ERRORS, Database, connect, transaction
from soro_edge.history.files import HistoryFiles
from soro_edge.history.search import forget_conversation
from soro_edge.paths import storage_error, write_whole

EraseElsewhere = Callable[[], None]

Created = dict[int, float | None]
"""The numbers of conversations and their creation times: after a history was begun anew, another conversation
may have got the number. None where the time is not known."""

_WHOLE_COPIES = ("before", "newer")
_DAMAGED_COPIES = ("damaged", "damaged-backup", "lost")


def erase(
    files: HistoryFiles,
    database: Database,
    conversation_ids: Iterable[int],
    *,
    elsewhere: EraseElsewhere,
) -> None:
    """Erase these conversations, and what earlier calls of this process did not finish.

    Raises StorageError; what is left to do then is done by the next call, or at the next start.
    """
    marker = files.erasing
    created = _read_marker(marker)
    with database.reading() as connection:
        for id_ in conversation_ids:
            created[id_] = _created(connection, id_)
    if not created and not marker.exists():
        return
    _write_marker(marker, created)
    _erase(files, database, created, elsewhere)
    marker.unlink(missing_ok=True)


def finish_erasing(files: HistoryFiles, database: Database, *, elsewhere: EraseElsewhere) -> None:
    """Do what killed processes left undone. Only while nobody else has the history open."""
    markers = files.all_erasing()
    if not markers:
        return
    created: Created = {}
    for marker in markers:
        created |= _read_marker(marker)
    _erase(files, database, created, elsewhere)
    for marker in markers:
        marker.unlink(missing_ok=True)


def erase_at_closing(files: HistoryFiles) -> None:
    """Note that something was overwritten, and not deleted, whose remains are to be erased."""
    if not files.erasing.exists():
        _write_marker(files.erasing, {})


def _erase(
    files: HistoryFiles, database: Database, created: Created, elsewhere: EraseElsewhere
) -> None:
    with database.writing() as connection:
        for id_, when in created.items():
            _delete_rows(connection, id_, when)
    with database.by_hand() as connection:
        _write_anew(connection, files)
    elsewhere()
    _erase_copies(files, created)
    if files.backup.exists():
        make_backup(files)


def _created(connection: sqlite3.Connection, id_: int) -> float | None:
    row = connection.execute("SELECT created FROM conversations WHERE id = ?", (id_,)).fetchone()
    return row[0] if row and isinstance(row[0], float) else None


def _delete_rows(connection: sqlite3.Connection, id_: int, created: float | None) -> None:
    if created is None or created == _created(connection, id_):
        forget_conversation(connection, id_)
        connection.execute("DELETE FROM messages WHERE conversation = ?", (id_,))
        connection.execute("DELETE FROM conversations WHERE id = ?", (id_,))


def _write_anew(connection: sqlite3.Connection, files: HistoryFiles) -> None:
    """Leave nothing but what can be read: in the index, in the pages, in the log."""
    connection.execute("INSERT INTO search (search) VALUES ('optimize')")
    # Pages keep remains of rows that were moved between them; the copy stays out of the system's folders.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("VACUUM")
    busy, *_frames = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise HistoryBusy(path=str(files.main))


def _erase_copies(files: HistoryFiles, created: Created) -> None:
    try:
        for copy in files.copies(*_DAMAGED_COPIES):
            # What could be read in it was taken over when it was set aside.
            copy.unlink(missing_ok=True)
        for copy in files.copies(*_WHOLE_COPIES):
            try:
                _erase_in_copy(copy, created)
            except SQLITE_ERRORS:
                copy.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, files.main.parent) from error


def _erase_in_copy(copy: Path, created: Created) -> None:
    with closing(connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        with transaction(connection):
            for id_, when in created.items():
                _delete_rows(connection, id_, when)
        _write_anew(connection, HistoryFiles(copy))


def _write_marker(marker: Path, created: Created) -> None:
    lines = (f"{id_} {when!r}\n" for id_, when in created.items())
    write_whole(marker, "".join(lines).encode("ascii"), private=True)


def _read_marker(marker: Path) -> Created:
    created: Created = {}
    with suppress(FileNotFoundError):
        for line in marker.read_bytes().split(b"\n"):
            with suppress(ValueError):
                id_, when = line.split()
                created[int(id_)] = None if when == b"None" else float(when)
    return created
