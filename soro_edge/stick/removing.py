"""Takes an installed program away. Pupils' work lies elsewhere and is not touched."""

import shutil
from contextlib import suppress

from soro_edge.paths import storage_error
from soro_edge.stick.errors import StillRunning
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import locked
from soro_edge.stick.launchers import Launchers


def remove(installation: Installation) -> None:
    """Raises InstallationBusy, StillRunning, StorageError."""
    launchers = Launchers(installation)
    versions, removed = installation.folder / "versions", installation.folder / "removed"
    with locked(installation):
        shutil.rmtree(removed, ignore_errors=True)
        try:
            # All or nothing: Windows renames no folder in which a program runs.
            if versions.exists():
                versions.rename(removed)
        except OSError as error:
            if isinstance(error, PermissionError):
                raise StillRunning(path=str(versions)) from error
            raise storage_error(error, versions) from error
        try:
            for file in (installation.pointer_file, launchers.program, launchers.back):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, installation.folder) from error
        shutil.rmtree(removed, ignore_errors=True)
    with suppress(OSError):
        installation.lock_file.unlink(missing_ok=True)
        # Only where nobody put anything else there.
        installation.folder.rmdir()
