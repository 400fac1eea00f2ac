"""Folders and files that only their owner may read: other accounts of a computer are other pupils.

The mode is set when a file is made and does not depend on the umask. Windows gives a person's folders to
that person alone, and FAT knows no owners: there nothing is changed.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_HAS_MODES = os.name != "nt"


def open_private(path: Path, mode: Literal["wb", "ab"] = "wb") -> BinaryIO:
    """Open a file to write: what is made can be read by nobody else, from the first byte. Raises OSError."""
    return open(path, mode, opener=private_descriptor)


def touch_private(path: Path) -> None:
    """Make an empty file where there is none. Raises OSError."""
    open_private(path, "ab").close()


def private_descriptor(path: str | Path, flags: int) -> int:
    """`os.open` for the owner alone. Raises OSError."""
    descriptor = os.open(path, flags, _FILE_MODE)
    if _HAS_MODES:
        with suppress(OSError):  # of somebody else, or on a file system without modes
            os.fchmod(descriptor, _FILE_MODE)
    return descriptor


def make_private_folder(folder: Path) -> None:
    """Make `folder`, and the folders above it that are missing, for the owner alone. Raises OSError."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_private_folder(folder.parent)
    if _HAS_MODES:
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        _set_mode(folder, _FOLDER_MODE)
    else:
        folder.mkdir(exist_ok=True)


def make_private(path: Path) -> None:
    """Take every right from others to a file or a folder and all that is in it.

    Only what belongs to this person is changed. Links are not followed. Raises nothing.
    """
    if not _HAS_MODES:
        return
    with suppress(OSError):
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            take_rights(path)
            for inner in path.iterdir():
                make_private(inner)
        elif stat.S_ISREG(found.st_mode):
            take_rights(path)


def take_rights(path: Path) -> None:
    """The same for a file or a folder alone."""
    if not _HAS_MODES:
        return
    with suppress(OSError):
        found = path.lstat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(_FOLDER_MODE if stat.S_ISDIR(found.st_mode) else _FILE_MODE)


def _set_mode(path: Path, mode: int) -> None:
    with suppress(OSError):
        path.chmod(mode)
