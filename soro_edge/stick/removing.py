"""Takes an installed program away. Pupils' work lies elsewhere and is not touched."""

import shutil
from contextlib import suppress

from soro_edge.paths import storage_error
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import locked
from soro_edge.stick.launchers import Launchers


def remove(installation: Installation) -> None:
    """The pointer first: what is half removed is not installed. Raises InstallationBusy, StorageError."""
    launchers = Launchers(installation)
    with locked(installation):
        try:
            for file in (installation.pointer_file, launchers.program, launchers.back):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, installation.folder) from error
        shutil.rmtree(installation.folder / "versions", ignore_errors=True)
    with suppress(OSError):
        installation.lock_file.unlink(missing_ok=True)
        # Only where nobody put anything else there.
        installation.folder.rmdir()
