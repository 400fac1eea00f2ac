"""A damaged history is moved aside and its backup takes its place. Called by who is alone with it.

Every step can be cut off by a power cut and is done again by the next start: the intention is
written first (`history.restoring`, with the name under which the damaged file will be kept), the
main file is moved last, the backup is copied under another name and renamed, and the intention is
taken back when the caller has salvaged what is newer than the backup. Nothing is deleted.
"""

from dataclasses import replace
from pathlib import Path

from soro_edge.history.database import our_errors
from soro_edge.history.files import HistoryFiles, copy_whole, move, size_bytes
from soro_edge.history.integrity import (
    damage_in_frozen_file,
    damage_in_open_file,
    mend_number,
    mend_search,
)
from soro_edge.history.values import Recovery
from soro_edge.paths import storage_error, write_whole


def recover(files: HistoryFiles) -> Recovery | None:
    """Leave a sound file or none at all; None where nothing had to be done.

    The whole file is read only where the last user did not close it, or met damage in it.
    Raises StorageError where the disk does not allow it; then the next start tries again.
    """
    try:
        files.remove_leftovers()
        kept = _interrupted(files)
        if kept is None and not files.main.exists():
            return _restore_lost(files) if files.backup.exists() else None
        if kept is None:
            if not _find_damage(files):
                files.suspect.unlink(missing_ok=True)
                return None
            kept = files.dated("damaged")
            write_whole(files.restoring, kept.name.encode("utf-8"), private=True)
        if not kept.exists():
            _move_aside(files, kept)
        return _put_backup(files, kept)
    except OSError as error:
        raise storage_error(error, files.main.parent) from error


def finish(files: HistoryFiles, recovery: Recovery, rescued: int) -> Recovery:
    """The repair is done, with so many messages salvaged; it is not to be done again."""
    files.restoring.unlink(missing_ok=True)
    return replace(recovery, rescued=rescued)


def _interrupted(files: HistoryFiles) -> Path | None:
    try:
        name = files.restoring.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return files.main.with_name(name)


def _find_damage(files: HistoryFiles) -> str:
    """What is wrong with the main file, which exists; empty where nothing is."""
    backed_up = files.backup.exists()
    unclean = size_bytes(files.wal) > 0
    if size_bytes(files.main) == 0 and (backed_up or unclean):
        return "empty file"
    suspect = files.suspect.exists()
    with our_errors(files):
        damage = damage_in_open_file(files.main, thorough=False, blank_allowed=not backed_up)
        if damage:
            return damage
        mend_number(files.main)
        if not suspect and not unclean:
            return ""
        damage = damage_in_open_file(files.main, thorough=True, blank_allowed=not backed_up)
        if suspect and not damage:
            mend_search(files.main)
    return damage


def _restore_lost(files: HistoryFiles) -> Recovery:
    """The main file is gone, its backup is here."""
    if files.wal.exists() or files.shm.exists():
        _move_aside(files, files.dated("lost"))
    return _put_backup(files, None)


def _move_aside(files: HistoryFiles, kept: Path) -> None:
    # A log must never meet another main file than its own, so the main file goes last.
    of_kept = HistoryFiles(kept)
    move(files.wal, of_kept.wal)
    move(files.shm, of_kept.shm)
    move(files.main, kept)


def _put_backup(files: HistoryFiles, kept: Path | None) -> Recovery:
    restored = backup_time = None
    if not files.main.exists() and _backup_is_good(files):
        copy_whole(files.backup, files.main, files.temporary("copy"))
    if files.main.exists() and files.backup.exists():
        restored, backup_time = files.backup, files.backup.stat().st_mtime
    files.suspect.unlink(missing_ok=True)
    return Recovery(
        path=files.main,
        kept=kept if kept and kept.exists() else None,
        restored_from=restored,
        backup_time=backup_time,
    )


def _backup_is_good(files: HistoryFiles) -> bool:
    if not files.backup.exists():
        return False
    with our_errors(files):
        if not damage_in_frozen_file(files.backup):
            return True
    move(files.backup, files.dated("damaged-backup"))
    return False
