"""What lies at the target is kept as far as it is right, and nothing else is believed."""

import errno
import hashlib
import os
from collections.abc import Iterator
from io import FileIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from soro_edge.errors import FolderNotWritable
from soro_edge.stick import copying
from soro_edge.stick.copying import Copier, Copy, open_plain, read_pieces, sync_files
from soro_edge.stick.errors import StickDamaged
from soro_edge.stick.hashing import BLOCK_BYTES

SIZE = 3 * BLOCK_BYTES + 1234
WHOLE = os.urandom(SIZE)
SHA256 = hashlib.sha256(WHOLE).hexdigest()


@pytest.fixture
def copier() -> Iterator[Copier]:
    with Copier() as opened:
        yield opened


class Counted:
    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self, count: int) -> None:
        self.bytes += count


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """In parts whose ends are at odd places."""
    cuts = [0, 1, BLOCK_BYTES + 7, SIZE - 3, SIZE]
    parts = []
    for number, (start, end) in enumerate(pairwise(cuts)):
        parts.append(tmp_path / f"part {number}")
        parts[-1].write_bytes(WHOLE[start:end])
    return Copy(sources=parts, target=tmp_path / "to" / "whole", size_bytes=SIZE, sha256=SHA256)


# Without shrinking: where a thread is wrong it would search for minutes and end nowhere.
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=20,
    phases=[Phase.explicit, Phase.generate],
)
@given(there=st.integers(0, SIZE) | st.sampled_from([1, BLOCK_BYTES, SIZE - 1, SIZE]))
def test_a_beginning_is_continued_and_a_whole_file_is_kept(
    copier: Copier, copy: Copy, there: int
) -> None:
    copy.target.parent.mkdir(exist_ok=True)
    copy.target.write_bytes(WHOLE[:there])
    told = Counted()
    brought = copier.bring(copy, told)
    assert (brought, told.bytes) == (SIZE - there, SIZE)
    assert copy.target.read_bytes() == WHOLE


@pytest.mark.parametrize("wrong", [b"\0" * BLOCK_BYTES, b"\0" * SIZE, WHOLE + b"x"])
def test_a_wrong_beginning_is_written_anew_and_the_bar_goes_back(
    copier: Copier, copy: Copy, wrong: bytes
) -> None:
    copy.target.parent.mkdir()
    copy.target.write_bytes(wrong)
    told = Counted()
    assert copier.bring(copy, told) == SIZE
    assert told.bytes == SIZE and copy.target.read_bytes() == WHOLE


def test_a_link_at_the_target_is_replaced_not_followed(
    copier: Copier, copy: Copy, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"mine")
    copy.target.parent.mkdir()
    copy.target.symlink_to(theirs)
    copier.bring(copy, Counted())
    assert theirs.read_bytes() == b"mine" and not copy.target.is_symlink()


@pytest.mark.parametrize("part", range(4))
def test_a_damaged_part_is_never_left_as_a_whole_file(
    copier: Copier, copy: Copy, part: int
) -> None:
    source = copy.sources[part]
    source.write_bytes(
        bytes(byte ^ 1 for byte in source.read_bytes()[:1]) + source.read_bytes()[1:]
    )
    copy.target.parent.mkdir()
    for there in (b"", WHOLE[:1], b"?" * BLOCK_BYTES):
        copy.target.write_bytes(there)
        if part == 0 and there == WHOLE[:1]:
            continue  # what is there already is right
        with pytest.raises(StickDamaged):
            copier.bring(copy, Counted())
        assert not copy.target.exists()


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(__file__)
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "link", Path("/dev/zero")):
        with pytest.raises(OSError):
            open_plain(path)


def test_parts_are_read_as_one(copy: Copy) -> None:
    assert b"".join(bytes(chunk) for chunk in read_pieces(copy.sources)) == WHOLE


def test_a_file_larger_than_all_blocks_and_the_system_forgets_what_was_read(
    copier: Copier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what lies behind: never more than was read, and never the same twice."""
    monkeypatch.setattr(copying, "_FORGET_BYTES", 4 * BLOCK_BYTES)
    forgotten: list[tuple[int, int]] = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _fd, at, size, _what: forgotten.append((at, size))
    )
    source, content = tmp_path / "source", os.urandom(40 * BLOCK_BYTES + 3)
    source.write_bytes(content)
    copy = Copy(
        sources=[source],
        target=tmp_path / "target",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    assert copier.bring(copy, Counted()) == len(content)
    assert copy.target.read_bytes() == content
    assert [at for at, _size in forgotten] == sorted({at for at, _size in forgotten})
    assert all(at + size <= len(content) for at, size in forgotten) and len(forgotten) == 9


def test_a_fault_in_the_hashing_thread_ends_the_copy_with_its_error(
    copier: Copier, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not wait for a thread that is no more; the next start goes on from what lies there."""

    class NoMemory:
        def update(self, _block: memoryview) -> None:
            raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "sha256", NoMemory)
        with pytest.raises(MemoryError):
            copier.bring(copy, Counted())
    with Copier() as again:
        again.bring(copy, Counted())
    assert copy.target.read_bytes() == WHOLE


@pytest.mark.parametrize("all_at_once", [True, False])
def test_a_disk_that_fails_is_told_also_where_it_is_asked_early(
    copier: Copier, copy: Copy, monkeypatch: pytest.MonkeyPatch, all_at_once: bool
) -> None:
    """A failure is told to one descriptor, once: the copying must not swallow it."""
    monkeypatch.setattr(copying, "_SYNCS_ALL", all_at_once)
    failures = [OSError(5, "Input/output error")]

    def fail_once(_descriptor: int) -> None:
        if failures:
            raise failures.pop()

    for early in (1 << 40, BLOCK_BYTES):
        failures[:] = [OSError(5, "Input/output error")]
        copy.target.unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail_once)
            patch.setattr(copying, "_START_WRITING_BYTES", early)
            with pytest.raises(FolderNotWritable):
                copier.bring(copy, Counted())
                sync_files(copier.written, copy.target.parent)


def test_a_file_that_is_whole_is_not_opened_for_writing(
    copier: Copier, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses that for a program that runs."""
    copier.bring(copy, Counted())
    opened: list[int] = []
    real = os.open

    def watch(path: Path, flags: int, mode: int = 0o777) -> int:
        opened.append(flags & (os.O_WRONLY | os.O_RDWR))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", watch)
    with Copier() as again:
        assert again.bring(copy, Counted()) == 0
        assert again.written == []
        sync_files(again.written, copy.target.parent)
    assert opened and not any(opened)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="Windows has no such call")
def test_a_system_that_forgets_nothing_copies_as_well(
    copier: Copier, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_such_call(*_words: int) -> None:
        asked.append(True)
        raise OSError(errno.ENOSYS, "Function not implemented")

    asked: list[bool] = []
    monkeypatch.setattr(os, "posix_fadvise", no_such_call)
    monkeypatch.setattr(copying, "_FORGET_BYTES", BLOCK_BYTES)
    assert copier.bring(copy, Counted()) == SIZE
    assert asked and copy.target.read_bytes() == WHOLE


def test_a_file_is_cut_only_where_it_is_too_long(
    copier: Copier, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnFuse(FileIO):
        """As one FAT driver has it."""

        def truncate(self, size: int | None = None, /) -> int:
            if size is None or os.fstat(self.fileno()).st_size <= size:
                raise PermissionError(errno.EPERM, "ftruncate")
            return super().truncate(size)

    monkeypatch.setattr(copying, "FileIO", OnFuse)
    copy.target.parent.mkdir()
    for there in (b"", WHOLE[:BLOCK_BYTES], WHOLE[:BLOCK_BYTES] + b"x" * SIZE, b"another"):
        copy.target.write_bytes(there)
        copier.bring(copy, Counted())
        assert copy.target.read_bytes() == WHOLE
