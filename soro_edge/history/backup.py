"""One copy of the history beside it, at most a day behind, and never made from a damaged file.

The copy's time stamp is set to that of the last change it holds, so one look at two time stamps
tells whether there is anything new to copy.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from soro_edge.errors import HistoryDamaged
from soro_edge.files import touch_private
from soro_edge.history.database import connect, our_errors
from soro_edge.history.files import HistoryFiles, move, sync_file
from soro_edge.history.integrity import damage_in_frozen_file
from soro_edge.paths import storage_error

BACKUP_EVERY_SECONDS = 24 * 3600.0
_STAMP_SECONDS = 2.0
"""FAT, the usual file system of USB sticks, keeps time stamps to two seconds."""


def backup_is_due(files: HistoryFiles, now: float) -> bool:
    """Whether there is no copy, or it is behind by a day or more (or the clock jumped)."""
    if not files.backup.exists():
        return True
    copied = files.backup.stat().st_mtime
    changed = abs(files.changed_at() - copied) > _STAMP_SECONDS
    return changed and abs(now - copied) >= BACKUP_EVERY_SECONDS


def make_backup(files: HistoryFiles, copy: Callable[[Path, Path], None] | None = None) -> None:
    """Copy, check the copy, put it in the old one's place in one step.

    Raises HistoryDamaged where the copy is not sound; the old backup then stays. Others may read
    and write the history meanwhile. `copy` is for tests.
    """
    temporary = files.temporary("backup")
    try:
        with our_errors(files):
            _empty_log(files.main)
            changed = files.changed_at()
            (copy or copy_database)(files.main, temporary)
            if damage_in_frozen_file(temporary):
                touch_private(files.suspect)
                raise HistoryDamaged(path=str(files.main))
        os.utime(temporary, (changed, changed))
        sync_file(temporary)
        move(temporary, files.backup)
    except OSError as error:
        raise storage_error(error, files.main.parent) from error
    finally:
        temporary.unlink(missing_ok=True)


def _empty_log(path: Path) -> None:
    # What is in the log goes into the file now, so that closing later changes no time stamp.
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def copy_database(source: Path, target: Path) -> None:
    """A copy of one moment, while others may write. Raises sqlite3.Error, OSError."""
    target.unlink(missing_ok=True)
    touch_private(target)
    with closing(connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        writer.execute("PRAGMA synchronous = OFF")
        reader.backup(writer)
