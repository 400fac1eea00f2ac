"""Who has the history open: an OS lock that ends with its process, however that ends.

Everybody passes the gate one at a time and learns whether anyone else is inside; only who is alone
may repair files. Then all stay inside together. Knows nothing of what the lock protects.
"""

import errno
import os
import sys
import time
from pathlib import Path

from soro_edge.errors import HistoryBusy
from soro_edge.files import private_descriptor
from soro_edge.paths import storage_error

_RETRY_SECONDS = 0.02
_HELD_BY_OTHERS = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class Gate:
    """One process's place at the lock file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = private_descriptor(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise storage_error(error, path.parent) from error

    def enter(self, wait_seconds: float) -> bool:
        """Wait for whoever is just entering; whether nobody else is inside.

        Where True, others wait until `let_others_in`. Raises HistoryBusy.
        """
        until = time.monotonic() + wait_seconds
        while True:
            if _try_alone(self._descriptor):
                return True
            if _try_together(self._descriptor):
                return False
            if time.monotonic() >= until:
                raise HistoryBusy(path=str(self._path))
            time.sleep(_RETRY_SECONDS)

    def let_others_in(self) -> None:
        """Stay inside, no longer alone."""
        _share(self._descriptor)

    def leave(self) -> None:
        """Close the lock file, which frees the lock. Leaving twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":
    import msvcrt

    # No shared locks here: byte 0 is the entrance, each process inside holds one of the others.
    _PLACES = 63

    def _lock(descriptor: int, begin: int, count: int) -> bool:
        os.lseek(descriptor, begin, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, count)
        except OSError as error:
            if error.errno in _HELD_BY_OTHERS:
                return False
            raise
        return True

    def _unlock(descriptor: int, begin: int, count: int) -> None:
        os.lseek(descriptor, begin, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, count)

    def _take_place(descriptor: int) -> bool:
        return any(_lock(descriptor, place, 1) for place in range(1, 1 + _PLACES))

    def _try_alone(descriptor: int) -> bool:
        if not _lock(descriptor, 0, 1):
            return False
        if _lock(descriptor, 1, _PLACES):
            return True
        _unlock(descriptor, 0, 1)
        return False

    def _try_together(descriptor: int) -> bool:
        if not _lock(descriptor, 0, 1):
            return False
        taken = _take_place(descriptor)
        _unlock(descriptor, 0, 1)
        return taken

    def _share(descriptor: int) -> None:
        _unlock(descriptor, 1, _PLACES)
        _take_place(descriptor)
        _unlock(descriptor, 0, 1)

else:
    import fcntl

    def _flock(descriptor: int, kind: int) -> bool:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            # A file system without locks cannot tell; one window is what people have.
            return error.errno not in _HELD_BY_OTHERS
        return True

    def _try_alone(descriptor: int) -> bool:
        return _flock(descriptor, fcntl.LOCK_EX)

    def _try_together(descriptor: int) -> bool:
        return _flock(descriptor, fcntl.LOCK_SH)

    def _share(descriptor: int) -> None:
        _flock(descriptor, fcntl.LOCK_SH)
