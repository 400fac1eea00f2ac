"""A history where nothing can be written, not even beside it: a write-protected stick, a full disk.

It can still be read, with the newest messages, which may lie in SQLite's log. Nothing is repaired,
brought up to date or created.
"""

import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from soro_edge.errors import DiskFull, FolderNotWritable
from soro_edge.history.database import connect, connect_uri, is_busy, our_errors
from soro_edge.history.files import HistoryFiles, size_bytes
from soro_edge.history.migrations import MIGRATIONS, mend_version, migrate, version_of
from soro_edge.history.reading import HistoryReader
from soro_edge.history.store import History

_NO_LOCKS = "win32-none" if sys.platform == "win32" else "unix-none"
"""SQLite's name for a file system that has no locks."""


class ProtectedFile:
    """One connection that only reads; a Readable."""

    def __init__(self, files: HistoryFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        with our_errors(files):
            self._connection = _connect(files)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, our_errors(self._files):
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def open_to_read(path: Path) -> HistoryReader:
    """The history in `path`, in whatever way it can be opened.

    Raises what History.open raises: FolderNotWritable and DiskFull only where it cannot be read either.
    """
    try:
        return History.open(path)
    except (FolderNotWritable, DiskFull) as shut:
        try:
            return HistoryReader(ProtectedFile(HistoryFiles(path)))
        except (FolderNotWritable, OSError):
            raise shut from None  # a file in the folder's place, a folder that may not be entered


def _connect(files: HistoryFiles) -> sqlite3.Connection:
    file = HistoryFiles(files.main if size_bytes(files.main) else files.backup)
    if not file.main.exists():
        return _as_of_today(None, files.main)
    try:
        # First with locks: beside a program that may write there, if we may not.
        connection = _opened(file.main, "mode=ro")
    except sqlite3.OperationalError as error:
        if is_busy(error):
            raise  # somebody is writing there: without locks half of it would be read
        connection = _opened(file.main, _alone(file))
    if version_of(connection) == len(MIGRATIONS):
        return connection
    with closing(connection):
        return _as_of_today(connection, files.main)


def _alone(file: HistoryFiles) -> str:
    """How a file is opened that nobody else uses. `immutable` would pass over its log."""
    return f"mode=ro&vfs={_NO_LOCKS}" if size_bytes(file.wal) else "mode=ro&immutable=1"


def _opened(path: Path, way: str) -> sqlite3.Connection:
    connection = connect_uri(path, way)
    try:
        if _NO_LOCKS in way:
            # The log's index is kept in memory then, not in a file beside it.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        version_of(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _as_of_today(older: sqlite3.Connection | None, path: Path) -> sqlite3.Connection:
    """The rows in memory, brought up to date. Raises HistoryTooNew."""
    memory = connect(Path(":memory:"))
    try:
        if older:
            older.backup(memory)
            mend_version(memory)
        migrate(memory, path)
    except BaseException:
        memory.close()
        raise
    return memory
