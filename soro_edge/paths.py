"""Where everything lies. Every path of the program is made here; nothing is created by asking.

Three modes: SORO_HOME names one folder for all; a folder `soro-data` beside a packaged program, or
above it on a stick, means portable mode, all inside it; otherwise the system's own places (platformdirs).
"""

import errno
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soro_edge.errors import DiskFull, FolderNotWritable, StorageError, TooManyOpenFiles
from soro_edge.files import make_private, make_private_folder, open_private, take_rights

PORTABLE_FOLDER = "soro-data"
SHIPPED_MODELS_FOLDER = "soro-models"
"""Models that came with a packaged program: beside its folder, or above it on a stick."""
_LEVELS = 3
"""A program on a stick lies in soro/linux/soro/ or soro/windows/soro/; what it shares lies in soro/."""
_NO_SUCH_CALL = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_TRIES = 20
"""A virus scanner may hold a new file for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The folders of one installation."""

    data: Path
    """History and models."""
    config: Path
    """settings.toml."""
    logs: Path
    """The engine's log."""
    mode: str
    """Why these: `SORO_HOME`, `portable` or `system`."""

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def models_folder(self) -> Path:
        """Models that a person added: a manifest and a GGUF each."""
        return self.data / "models"

    @property
    def verified_file(self) -> Path:
        """Which model files were hashed, so that an unchanged one is not hashed at every start."""
        return self.data / "verified.json"

    @property
    def states_folder(self) -> Path:
        """What the model has read before, so that it need not read it again."""
        return self.data / "states"

    @property
    def tuning_file(self) -> Path:
        """What `soro tune` measured on this machine."""
        return self.data / "tuning.json"

    @property
    def engine_log(self) -> Path:
        return self.logs / "engine.log"

    @property
    def profiles_folder(self) -> Path:
        """A folder for each pupil."""
        return self.data / "profiles"

    def history_file(self, profile: str) -> Path:
        """The SQLite file of one pupil."""
        return self.profiles_folder / profile / "history.sqlite3"


def find_paths(environ: Mapping[str, str] = os.environ, *, portable: bool = True) -> Paths:
    """The folders for this process; see the module's docstring for the three modes.

    Without `portable` they are those of a program that is installed on this computer.
    """
    home = environ.get("SORO_HOME")
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(data=root, config=root, logs=root / "logs", mode="SORO_HOME")
    beside = _near_program(PORTABLE_FOLDER) if portable else None
    if beside:
        return Paths(data=beside, config=beside, logs=beside / "logs", mode="portable")
    import platformdirs  # here: not needed where the folder is named

    system = platformdirs.PlatformDirs("soro-edge", appauthor=False)
    return Paths(
        data=system.user_data_path,
        config=system.user_config_path,
        logs=system.user_log_path,
        mode="system",
    )


def installation_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a stick installs the program, for this person alone."""
    home = environ.get("SORO_HOME")
    if home:
        return Path(home).expanduser().absolute() / "program"
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(local) / "Programs" / "soro-edge"
    return Path.home() / ".local" / "lib" / "soro-edge"


def shipped_models() -> Path | None:
    """The folder of models that came with this packaged program; None where none did."""
    return _near_program(SHIPPED_MODELS_FOLDER)


def _near_program(name: str) -> Path | None:
    """The nearest folder of that name beside the packaged program or above it."""
    if getattr(sys, "frozen", False):
        for level in Path(sys.executable).absolute().parents[:_LEVELS]:
            if (level / name).is_dir():
                return level / name
    return None


def manifests_folder() -> Path:
    """The manifests that come with the program: in the wheel, or models/ of a checkout."""
    packaged = Path(__file__).parent / "_models"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "models"


def keep_private(paths: Paths) -> None:
    """Let other accounts of this computer read nothing that pupils wrote, also what was made before.

    A folder that SORO_HOME names is left as it is where it holds other things than ours.
    """
    ours = (paths.settings_file, paths.tuning_file, paths.verified_file)
    private = (paths.profiles_folder, paths.states_folder, paths.logs)
    for path in (*private, *ours):
        make_private(path)
    names = {path.name for path in (*private, *ours, paths.models_folder)}
    with suppress(OSError):
        if {path.name for path in paths.data.iterdir()} <= {*names, "evaluation", "program"}:
            take_rights(paths.data)


def make_folder(folder: Path, *, private: bool = False) -> Path:
    """`folder`, created with its parents and writable; FolderNotWritable or DiskFull otherwise.

    A `private` one can be entered by its owner alone.
    """
    try:
        if private:
            make_private_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    if not os.access(folder, os.W_OK):
        raise FolderNotWritable(path=str(folder), reason=os.strerror(13))
    return folder


def check_writable(probe: Path) -> None:
    """Raises FolderNotWritable where the file `probe` cannot be made; its folder is created, it is deleted.

    A full disk is passed over: there is something to read, and room may come.
    """
    make_folder(probe.parent, private=True)
    try:
        # Windows' answer about permissions says nothing of a write-protected disk.
        probe.touch()
    except OSError as error:
        told = storage_error(error, probe.parent)
        if not isinstance(told, DiskFull):
            raise told from error
    with suppress(OSError):  # gone already, or held by a virus scanner: it could be made
        probe.unlink()


def write_whole(path: Path, data: bytes, *, private: bool = False) -> None:
    """The file is what it was or all of `data`, a power cut included. Raises StorageError.

    A `private` one can be read by its owner alone.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open_private(temporary) if private else temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        _take_name(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise storage_error(error, path) from error


def _take_name(temporary: Path, path: Path) -> None:
    for left in reversed(range(_TRIES)):
        try:
            temporary.replace(path)
            return
        except PermissionError:
            if os.name != "nt" or not left:
                raise
            time.sleep(0.1)


def sync_folder(folder: Path) -> None:
    """Return when the names in `folder` are on the disk. Windows offers no such call, nor do some file
    systems (a virtual machine's shared folder)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_CALL:
            raise
    finally:
        os.close(descriptor)


def storage_error(error: OSError, path: Path) -> StorageError:
    """The error of the tree that tells of a failed write to `path`."""
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return DiskFull(path=str(path))
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return TooManyOpenFiles()
    return FolderNotWritable(path=str(path), reason=error.strerror or str(error))
