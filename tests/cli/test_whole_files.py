"""A file is written whole or not at all, on every file system that can hold it."""

import errno
import os
import stat
from pathlib import Path

import pytest

from soro_edge.errors import FolderNotWritable
from soro_edge.paths import check_writable, write_whole


def refuse_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folder")


def test_a_file_system_that_syncs_no_folder_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VirtualBox's shared folders answer so."""
    refuse_folders(monkeypatch, errno.EINVAL)
    write_whole(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_a_disk_cannot_keep_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_folders(monkeypatch, errno.EIO)
    with pytest.raises(FolderNotWritable):
        write_whole(tmp_path / "file", b"new")


@pytest.mark.parametrize("left", [True, False])
def test_a_trial_file_that_cannot_be_deleted_could_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, left: bool
) -> None:
    """A virus scanner holds it, or another window that is just starting has tidied it away."""
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if left:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    check_writable(tmp_path / "profile" / "probe")
    assert (tmp_path / "profile" / "probe").exists() == left
