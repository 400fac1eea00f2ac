"""Connections to the history's file, transactions, and SQLite's errors as ours.

Two connections, one for reading and one for writing, each behind a lock: the screen's list never
waits for the disk sync of an answer being written (WAL), and nobody has to know which thread closes
what, as with one connection for each thread. Knows no table.
"""

import math
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soro_edge.control_characters import without_control_characters
from soro_edge.errors import (
    DiskFull,
    FolderNotWritable,
    HistoryBusy,
    HistoryDamaged,
    StorageError,
)
from soro_edge.files import touch_private
from soro_edge.history.files import HistoryFiles

BUSY_SECONDS = 5.0
"""How long a call waits for another program's transaction before HistoryBusy."""

_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    # Our statements are right: where one fails, tables or header are not as they were written.
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SHUT = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_IOERR,
)
_NEARLY_FULL_BYTES = 64 * 1024
"""SQLite calls a failed allocation of its -shm file (32 KiB) an I/O error, not a full disk."""


def connect(path: Path, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection that any thread may use and that begins no transaction by itself."""
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    # A flipped bit in a text must not hide the whole conversation.
    connection.text_factory = _text
    # Rows that are deleted are overwritten.
    connection.execute("PRAGMA secure_delete = ON").fetchone()
    return connection


def connect_frozen(path: Path) -> sqlite3.Connection:
    """For a file that nobody writes: no lock is taken and no file appears beside it."""
    return connect_uri(path, "mode=ro&immutable=1")


def connect_uri(path: Path, way: str) -> sqlite3.Connection:
    """A connection for reading, opened in a `way` of SQLite's: https://sqlite.org/uri.html."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{way}", uri=True, check_same_thread=False
    )
    connection.text_factory = _text
    return connection


SqliteError = sqlite3.Error | UnicodeDecodeError
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises. The latter comes where bytes of a damaged schema stand in the error's own text."""


def is_damage(error: SqliteError) -> bool:
    """Whether SQLite says that the file's content is wrong."""
    return isinstance(error, UnicodeDecodeError) or _code(error) in _DAMAGED


def is_busy(error: SqliteError) -> bool:
    """Whether another connection holds a lock that was waited for in vain."""
    return _code(error) in _BUSY


def storable(text: str) -> str:
    """`text` without lone surrogates, which UTF-8 cannot hold, and without control characters."""
    return without_control_characters(text.encode("utf-8", "replace").decode("utf-8"))


@contextmanager
def our_errors(files: HistoryFiles) -> Iterator[None]:
    """Turn SQLite's errors into the tree's; damage is noted for the next opening."""
    try:
        yield
    except SQLITE_ERRORS as error:
        ours = _translated(error, files)
        if ours is None:
            raise
        if isinstance(ours, HistoryDamaged):
            with suppress(OSError):
                touch_private(files.suspect)
        raise ours from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; the write lock is taken at the beginning."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class Database:
    """The two connections of one process to one file. Raises StorageError, in any thread."""

    def __init__(self, files: HistoryFiles, busy_seconds: float) -> None:
        self.files = files
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        with our_errors(files):
            self._writer = connect(files.main, busy_seconds)
            try:
                self._prepare_writer()
                self._reader = connect(files.main, busy_seconds)
                self._reader.execute("PRAGMA query_only = ON")
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For SELECTs whose rows are fetched inside the block."""
        with self._read_lock, our_errors(self.files):
            yield self._reader

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, safe on the disk when the block has ended."""
        with self._write_lock, our_errors(self.files), transaction(self._writer):
            yield self._writer

    @contextmanager
    def by_hand(self) -> Iterator[sqlite3.Connection]:
        """The writing connection for one who begins transactions himself."""
        with self._write_lock, our_errors(self.files):
            yield self._writer

    def close(self) -> None:
        """The last one to close moves the write-ahead log into the file and deletes it."""
        with self._read_lock:
            self._reader.close()
        with self._write_lock:
            self._writer.close()

    def _prepare_writer(self) -> None:
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute("PRAGMA synchronous = FULL")
        self._writer.execute("PRAGMA foreign_keys = ON")


def _translated(error: SqliteError, files: HistoryFiles) -> StorageError | None:
    path, folder = str(files.main), files.main.parent
    code = _code(error)
    if is_damage(error):
        return HistoryDamaged(path=path)
    if code in _BUSY:
        return HistoryBusy(path=path)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _nearly_full(folder)):
        return DiskFull(path=path)
    if code == sqlite3.SQLITE_CANTOPEN and (too_long := files.path_too_long(with_others=True)):
        return too_long
    if code in _SHUT:
        return FolderNotWritable(path=str(folder), reason=str(error))
    return None


def _code(error: SqliteError) -> int:
    # The low byte is the primary code; errors of the binding itself have none.
    extended: int = getattr(error, "sqlite_errorcode", 0)
    return extended & 0xFF


def _nearly_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _NEARLY_FULL_BYTES
    except OSError:
        return False


def text_of(value: object) -> str:
    """What a column of text holds, also in a damaged row; without the control characters of an older file."""
    text = _text(value) if isinstance(value, bytes) else str(value or "")
    return without_control_characters(text)


def seconds_of(value: object) -> float:
    """What a column of times holds; not a number where a damaged row holds something else."""
    return float(value) if isinstance(value, int | float) else math.nan


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
