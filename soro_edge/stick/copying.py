"""Files from the stick to the disk, hashed in the same pass, and gone on with after any interruption.

What lies at the target is hashed first: a whole file is kept, a beginning is continued. So no journal
is needed, and nothing is believed that was not read. Knows no manifest.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from soro_edge.paths import storage_error
from soro_edge.stick.errors import StickDamaged, StickUnreadable
from soro_edge.stick.hashing import BLOCK_BYTES, HashingThread

_START_WRITING_BYTES = 64 << 20
"""After so many the disk is asked to write, so that the end does not wait for all of them."""
_FORGET_BYTES = 16 << 20
"""After so many the system may forget what was read: a stick's model would fill a small memory twice."""
_SYNCS_ALL = hasattr(os, "sync")
"""Windows has no such call, and opens no running program for writing: there each file by itself."""
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One file to bring."""

    sources: Sequence[Path]
    """Its parts on the stick, joined in this order."""
    target: Path
    size_bytes: int
    sha256: str
    runs: bool = False
    skip_bytes: int = 0
    """How much of the sources comes before what is wanted."""


class Copier:
    """Copies one file at a time; a second thread hashes, a third has the disk write."""

    def __init__(self) -> None:
        self._hashing = HashingThread()
        self._syncing = ThreadPoolExecutor(1)
        self.written: list[Path] = []
        """Files that were not whole before; `sync_files` has the disk answer for them."""

    def __enter__(self) -> "Copier":
        return self

    def __exit__(self, *_error: object) -> None:
        self._hashing.close()
        self._syncing.shutdown()

    def bring(self, copy: Copy, on_bytes: OnBytes) -> int:
        """The target is whole afterwards; how many bytes came from the stick.

        Raises StickDamaged, StickUnreadable, StorageError.
        """
        told = _Told(on_bytes)
        try:
            copy.target.parent.mkdir(parents=True, exist_ok=True)
            kept, digest = _hash_beginning(copy, told)
            there = copy.target.exists()
            if there and kept == copy.size_bytes and digest.hexdigest() == copy.sha256:
                _set_mode(copy)
                return 0
            if 0 < kept < copy.size_bytes and self._go_on(copy, kept, digest, told):
                return copy.size_bytes - kept
            told.take_back()
            # A link to a file of another version must not be written through.
            copy.target.unlink(missing_ok=True)
            if not self._go_on(copy, 0, hashlib.sha256(), told):
                copy.target.unlink(missing_ok=True)
                raise StickDamaged(path=str(copy.sources[0]))
        except OSError as error:
            raise storage_error(error, copy.target) from error
        return copy.size_bytes

    def _go_on(self, copy: Copy, kept: int, digest: "hashlib._Hash", on_bytes: OnBytes) -> bool:
        """Append what is missing after `kept` bytes; whether the whole has the right hash."""
        syncs: list[Future[None]] = []
        written = 0
        # One block is hashed sooner than another thread is told of it.
        beside = copy.size_bytes - kept > BLOCK_BYTES
        with _open_target(copy.target, kept) as writing:
            for read in _read_after(copy.sources, copy.skip_bytes + kept, self._hashing.block):
                chunk = read[: copy.size_bytes - kept - written]
                if not chunk:
                    break
                if beside:
                    self._hashing.update(digest, len(chunk))
                else:
                    digest.update(chunk)
                _write_all(writing, chunk)
                written += len(chunk)
                on_bytes(len(chunk))
                if written % _START_WRITING_BYTES < len(chunk):
                    syncs.append(self._start_writing(writing))
            self._hashing.wait()
            # A disk that failed says so once, and to whoever asked first.
            for sync in syncs:
                sync.result()
            if not _SYNCS_ALL:
                os.fsync(writing.fileno())
        if kept + written < copy.size_bytes or digest.hexdigest() != copy.sha256:
            return False
        _set_mode(copy)
        self.written.append(copy.target)
        return True

    def _start_writing(self, writing: FileIO) -> "Future[None]":
        descriptor = os.dup(writing.fileno())

        def sync() -> None:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

        return self._syncing.submit(sync)


def sync_files(written: Sequence[Path], folder: Path) -> None:
    """Return when all that a `Copier` wrote is on the disk. Raises StorageError."""
    if not _SYNCS_ALL:
        return  # each was brought there when it was written
    try:
        # All at once is far faster, but tells of no failure: after it, asking each costs little.
        os.sync()
        for file in written:
            with open_plain(file) as stream:
                os.fsync(stream.fileno())
    except OSError as error:
        raise storage_error(error, folder) from error


def read_pieces(sources: Sequence[Path]) -> Iterator[memoryview]:
    """The parts joined, as the stick gives them; a chunk is good until the next one.

    Raises StickDamaged, StickUnreadable.
    """
    place = memoryview(bytearray(BLOCK_BYTES))
    return _read_after(sources, 0, lambda: place)


def open_plain(path: Path) -> FileIO:
    """A file of the stick for reading: no link, no device, nothing that waits. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | _NO_LINKS | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"no plain file: {path.name}")
        return FileIO(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _read_after(
    sources: Sequence[Path], skip: int, place: Callable[[], memoryview]
) -> Iterator[memoryview]:
    """The bytes of the parts after the first `skip`, each time in the block that `place` gives."""
    for path in sources:
        try:
            with open_plain(path) as reading:
                size = os.fstat(reading.fileno()).st_size
                if skip >= size:
                    skip -= size
                    continue
                reading.seek(skip)
                skip = 0
                while count := reading.readinto(place()):
                    yield place()[:count]
                    _forget_behind(reading, count)
        except FileNotFoundError as error:
            if not path.parent.exists():
                raise StickUnreadable(path=str(path), reason=os.strerror(errno.ENOENT)) from error
            raise StickDamaged(path=str(path)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StickUnreadable(path=str(path), reason=reason) from error


def _forget_behind(reading: FileIO, count: int) -> None:
    at = reading.tell()
    begin = at // _FORGET_BYTES * _FORGET_BYTES - 2 * _FORGET_BYTES
    if at % _FORGET_BYTES < count and begin >= 0 and hasattr(os, "posix_fadvise"):
        # No file is worse for it where a system knows no such call.
        with suppress(OSError):
            os.posix_fadvise(reading.fileno(), begin, _FORGET_BYTES, os.POSIX_FADV_DONTNEED)


def _hash_beginning(copy: Copy, on_bytes: OnBytes) -> tuple[int, "hashlib._Hash"]:
    """What is at the target already: how many bytes of it can be kept, and their hash so far."""
    digest, kept = hashlib.sha256(), 0
    try:
        with open_plain(copy.target) as reading:
            facts = os.fstat(reading.fileno())
            beginning = facts.st_size < copy.size_bytes and facts.st_nlink == 1
            if facts.st_size != copy.size_bytes and not beginning:
                return 0, digest
            while chunk := reading.read(BLOCK_BYTES):
                digest.update(chunk)
                kept += len(chunk)
                on_bytes(len(chunk))
    except FileNotFoundError:
        pass
    except OSError:
        # A link or a bad place on the disk: written anew.
        return 0, hashlib.sha256()
    return kept, digest


class _Told:
    """Bytes of one file that were told of, so that they can be taken back when it begins anew."""

    def __init__(self, on_bytes: OnBytes) -> None:
        self._on_bytes = on_bytes
        self._bytes = 0

    def __call__(self, count: int) -> None:
        self._bytes += count
        self._on_bytes(count)

    def take_back(self) -> None:
        self(-self._bytes)


def _write_all(writing: FileIO, chunk: memoryview) -> None:
    while chunk:
        chunk = chunk[writing.write(chunk) :]


def _open_target(path: Path, kept: int) -> FileIO:
    flags = os.O_WRONLY | os.O_CREAT | _NO_LINKS
    stream = FileIO(os.open(path, flags, 0o644), "wb")
    if stream.seek(0, os.SEEK_END) > kept:  # some drivers of FAT refuse to cut where nothing is cut
        stream.truncate(kept)
    stream.seek(kept)
    return stream


def _set_mode(copy: Copy) -> None:
    # FAT32 has no modes and says so.
    with suppress(OSError):
        copy.target.chmod(0o755 if copy.runs else 0o644)
