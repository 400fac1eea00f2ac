"""The files around one history, and moves that a power cut does not undo. Knows no SQL."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from soro_edge.errors import HistoryPathTooLong
from soro_edge.files import open_private
from soro_edge.paths import sync_folder

LONGEST_BYTES = 504
"""SQLite takes paths of 512 bytes on POSIX, and puts `-journal` behind the main file's."""
_ADDED_BYTES = 40
"""What the names of files that are kept beside it add at the most."""


@dataclass(frozen=True, slots=True)
class HistoryFiles:
    """Names beside `history.sqlite3`; asking for one creates nothing."""

    main: Path

    @property
    def wal(self) -> Path:
        """SQLite's write-ahead log. It is gone after a clean close of the last user."""
        return self.main.with_name(self.main.name + "-wal")

    @property
    def shm(self) -> Path:
        return self.main.with_name(self.main.name + "-shm")

    @property
    def backup(self) -> Path:
        return self._beside("backup", self.main.suffix)

    @property
    def lock(self) -> Path:
        """Locked by every process that has the history open; never deleted."""
        return self._beside("lock")

    @property
    def suspect(self) -> Path:
        """Exists where damage was met in use: the next opening checks thoroughly."""
        return self._beside("suspect")

    @property
    def restoring(self) -> Path:
        """Exists while a damaged file is replaced; holds the name under which it is kept."""
        return self._beside("restoring")

    @property
    def erasing(self) -> Path:
        """Exists while this process erases deleted conversations; holds which."""
        return self._beside(f"erasing-{os.getpid()}")

    def all_erasing(self) -> list[Path]:
        """The same of every process, also of those that were killed."""
        return sorted(self.main.parent.glob(f"{self.main.stem}.erasing-*"))

    def copies(self, *words: str) -> list[Path]:
        """What was kept beside it under these names, such as `damaged`, with the log of each."""
        names = (f"{self.main.stem}.{word}-*" for word in words)
        return sorted({file for name in names for file in self.main.parent.glob(name)})

    def path_too_long(self, *, with_others: bool = False) -> HistoryPathTooLong | None:
        """The error to raise where SQLite does not open the main file, or all of those beside it."""
        have = len(os.fsencode(os.path.realpath(self.main))) + _ADDED_BYTES * with_others
        if os.name == "nt" or have <= LONGEST_BYTES:
            return None
        return HistoryPathTooLong(have_bytes=have, most_bytes=LONGEST_BYTES, path=str(self.main))

    def temporary(self, purpose: str) -> Path:
        """A file being written, to be renamed; one name for each process."""
        return self._beside(f"{purpose}-{os.getpid()}", ".tmp")

    def remove_leftovers(self) -> None:
        """Delete what killed processes left half written. Only while nobody else is here."""
        for leftover in self.main.parent.glob(f"{self.main.stem}.*.tmp*"):
            leftover.unlink(missing_ok=True)

    def dated(self, what: str) -> Path:
        """A name with today's date that no file has."""
        stamp = time.strftime("%Y-%m-%d-%H%M%S")
        number, name = 1, self._beside(f"{what}-{stamp}", self.main.suffix)
        while name.exists():
            number += 1
            name = self._beside(f"{what}-{stamp}-{number}", self.main.suffix)
        return name

    def changed_at(self) -> float:
        """Epoch seconds of the last write to the file or to its log."""
        times = [file.stat().st_mtime for file in (self.main, self.wal) if size_bytes(file)]
        return max(times, default=0.0)

    def _beside(self, word: str, suffix: str = "") -> Path:
        return self.main.with_name(f"{self.main.stem}.{word}{suffix}")


def size_bytes(file: Path) -> int:
    """Its size; 0 where there is none."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def sync_file(file: Path) -> None:
    """Return when its bytes are on the disk."""
    with file.open("r+b") as stream:
        os.fsync(stream.fileno())


def move(source: Path, target: Path) -> None:
    """Rename, where there is something to rename, replacing `target`."""
    if source.exists():
        source.replace(target)
        sync_folder(target.parent)


def copy_private(source: Path, target: Path) -> None:
    """Copy the bytes into a file that only its owner reads."""
    with source.open("rb") as reader, open_private(target) as writer:
        shutil.copyfileobj(reader, writer)


def copy_whole(source: Path, target: Path, temporary: Path) -> None:
    """Copy so that `target` is either what it was or all of `source`."""
    copy_private(source, temporary)
    sync_file(temporary)
    move(temporary, target)
