"""The copy beside the history: when it is made, of what, and what killed processes leave."""

import os
from pathlib import Path

import pytest

from soro_edge.errors import HistoryDamaged
from soro_edge.history.files import HistoryFiles
from soro_edge.history.store import History
from tests.history.damages import (
    DAY,
    QUESTIONS,
    fill,
    flip_an_index,
)


def test_backups_are_daily_and_only_of_what_changed(path: Path) -> None:
    now = 0.0
    with History.open(path, clock=lambda: now) as history:
        assert not history.back_up_if_due()  # nothing was said yet
        history.new_conversation().add_question("Якум")
        assert history.back_up_if_due()
        files = HistoryFiles(path)
        made = files.backup.stat().st_mtime
        now = made + 2 * DAY
        assert not history.back_up_if_due()  # nothing changed
        os.utime(files.backup, (made - 10, made - 10))
        now = made + DAY - 100
        assert not history.back_up_if_due()  # changed, but today
        now = made + DAY + 100
        assert history.back_up_if_due()
        assert not history.back_up_if_due()
    assert files.backup.stat().st_mtime == pytest.approx(files.changed_at(), abs=2)
    assert not list(path.parent.glob("*.tmp*"))


def test_a_damaged_file_never_replaces_a_good_backup(path: Path) -> None:
    fill(path)
    files = HistoryFiles(path)
    good = files.backup.read_bytes()
    flip_an_index(path)
    later = path.stat().st_mtime + 9 * DAY
    os.utime(files.backup, (1, 1))
    with History.open(path, clock=lambda: later) as history:
        with pytest.raises(HistoryDamaged):
            history.back_up_if_due()
        assert files.backup.read_bytes() == good
    assert files.backup.read_bytes() == good
    with History.open(path) as history:
        assert len(history.conversations()) == QUESTIONS


def test_the_backups_time_stamp_is_that_of_the_last_change_in_it(path: Path) -> None:
    fill(path)
    files = HistoryFiles(path)
    files.backup.unlink()
    os.utime(path, (1_000_000_000, 1_000_000_000))
    with History.open(path) as history:
        assert history.back_up_if_due()
        assert files.backup.stat().st_mtime == pytest.approx(1_000_000_000, abs=2)
        assert not history.back_up_if_due()


def test_what_a_killed_process_left_half_written_is_removed(path: Path) -> None:
    fill(path)
    half = path.with_name("history.backup-123.tmp")
    half.write_text("half")
    with History.open(path):
        assert not half.exists()
