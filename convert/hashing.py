"""SHA-256 of files. Knows nothing of what is in them."""

import hashlib
import io
from pathlib import Path
from typing import Any

from convert.parallel import stop_if_asked


class _Stoppable(io.FileIO):
    """Gigabytes are hashed beside other work, which may end early."""

    def readinto(self, buffer: Any, /) -> int:
        stop_if_asked()
        return super().readinto(buffer)


def sha256_of(path: Path) -> str:
    """Hexadecimal. Raises OSError."""
    with _Stoppable(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
