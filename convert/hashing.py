"""SHA-256 of files. Knows nothing of what is in them."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convert.parallel import stop_if_asked


class _Stoppable(io.FileIO):
    """Gigabytes are hashed beside other work, which may end early."""

    def __init__(self, path: Path, count: Callable[[int], None]) -> None:
        super().__init__(path)
        self._count = count

    def readinto(self, buffer: Any, /) -> int:
        stop_if_asked()
        read = super().readinto(buffer)
        self._count(read)
        return read


def sha256_of(path: Path, count: Callable[[int], None] = lambda _: None) -> str:
    """Return the hash of a file in hexadecimal; `count` hears of every number of bytes read.

    Raises OSError.
    """
    with _Stoppable(path, count) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
