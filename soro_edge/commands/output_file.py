"""The file that a person named for a command's result: nothing that exists is lost by a slip.

Knows no command. Files of the program's own are never replaced, others with `--force` only.
"""

import os
from pathlib import Path

from soro_edge.errors import (
    DiskFull,
    FolderNotWritable,
    OutputExists,
    OutputIsOurs,
    OutputNotWritable,
)
from soro_edge.locale import _
from soro_edge.paths import Paths, storage_error, write_whole


def check_output(path: Path, paths: Paths, *, force: bool) -> None:
    """To be called before the work begins. Raises OutputNotWritable."""
    try:
        _check(path, paths, force=force)
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise _told(error, path) from error


def write_output(path: Path, text: str, paths: Paths, *, force: bool) -> None:
    """Write all of `text`, or leave what was there. Raises OutputNotWritable, DiskFull."""
    check_output(path, paths, force=force)
    data = text.encode("utf-8")
    try:
        if path.exists() and not path.is_file():  # a pipe, a terminal
            path.write_bytes(data)
        elif force:
            write_whole(Path(os.path.realpath(path)), data)  # through a link, not over it
        else:
            _write_new(path, data)
    except FileExistsError:
        raise OutputExists(path=str(path)) from None
    except FolderNotWritable as error:
        raise OutputNotWritable(path=str(path), reason=error.fields["reason"]) from error
    except OSError as error:
        raise _told(error, path) from error


def _check(path: Path, paths: Paths, *, force: bool) -> None:
    if not path.parent.is_dir():
        raise OutputNotWritable(path=str(path), reason=_("there is no such folder"))
    if path.is_dir():
        raise OutputNotWritable(path=str(path), reason=_("it is a folder"))
    if _is_ours(path, paths):
        raise OutputIsOurs(path=str(path))
    if path.is_file() and not force:
        raise OutputExists(path=str(path))


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _told(error: OSError, path: Path) -> OutputNotWritable | DiskFull:
    told = storage_error(error, path)
    if isinstance(told, DiskFull):
        return told
    return OutputNotWritable(path=str(path), reason=error.strerror or str(error))


def _is_ours(path: Path, paths: Paths) -> bool:
    target = Path(os.path.realpath(path))
    folders = (paths.profiles_folder, paths.states_folder, paths.models_folder, paths.logs)
    files = (paths.settings_file, paths.tuning_file, paths.verified_file)
    return any(target.is_relative_to(os.path.realpath(folder)) for folder in folders) or any(
        target == Path(os.path.realpath(file)) for file in files
    )
