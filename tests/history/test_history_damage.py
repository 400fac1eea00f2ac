"""A damaged file is kept, the backup takes its place, and the program goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from soro_edge.errors import HistoryBusy, HistoryDamaged
from soro_edge.history import recovery as recovery_module
from soro_edge.history.files import HistoryFiles, copy_whole
from soro_edge.history.store import History
from tests.history.damages import (
    QUESTIONS,
    SEEN_AT_ONCE,
    Damage,
    cut,
    cut_the_end,
    damaged_files,
    empty,
    empty_an_index,
    fill,
    flip_an_index,
    flip_the_middle,
    no_database,
    titles,
    zero_the_beginning,
)


@pytest.mark.parametrize("damage", SEEN_AT_ONCE)
def test_the_backup_takes_the_place_of_a_damaged_file(path: Path, damage: Damage) -> None:
    fill(path)
    damage(path)
    as_it_was = path.read_bytes()
    with History.open(path) as history:
        assert len(history.conversations()) == QUESTIONS
        assert len(history.search("дароз", limit=99)) == QUESTIONS
        told = history.recovery
        assert told is not None
        assert told.restored_from == HistoryFiles(path).backup
        assert told.kept is not None and told.kept.read_bytes() == as_it_was
        assert told.message and str(told.kept) in told.advice
    with History.open(path) as history:
        assert history.recovery is None


@pytest.mark.parametrize("damage", [zero_the_beginning, no_database])
@pytest.mark.parametrize("backup", ["missing", "damaged"])
def test_without_a_good_backup_a_new_history_is_begun_and_all_is_kept(
    path: Path, damage: Damage, backup: str
) -> None:
    fill(path)
    files = HistoryFiles(path)
    if backup == "missing":
        files.backup.unlink()
    else:
        flip_the_middle(files.backup)
    damage(path)
    as_it_was = path.read_bytes()
    with History.open(path) as history:
        assert history.conversations() == []
        told = history.recovery
        assert told is not None and told.restored_from is None
        assert told.kept is not None and told.kept.read_bytes() == as_it_was
        assert str(path) in told.message
        history.new_conversation().add_question("Аз нав")
    assert len(list(path.parent.glob("history.damaged-backup-*"))) == (backup == "damaged")
    with History.open(path) as history:
        assert history.recovery is None
        assert titles(history) == {"Аз нав"}


@pytest.mark.parametrize("damage", [cut_the_end, flip_the_middle])
def test_what_is_newer_than_the_backup_is_read_out_of_the_damaged_file(
    path: Path, damage: Damage
) -> None:
    fill(path)
    fill(path)  # the same day: no new backup
    damage(path)
    HistoryFiles(path).suspect.touch()
    with History.open(path) as history:
        told = history.recovery
        assert told is not None and told.rescued > 0
        assert str(told.rescued) in told.advice
        lines = history.conversations()
        assert QUESTIONS < len(lines) <= 2 * QUESTIONS
        assert sum(line.messages for line in lines) == 2 * QUESTIONS + told.rescued
        numbers = [message.id for line in lines for message in history.messages(line.id)]
        assert len(set(numbers)) == len(numbers)
        found = {hit.message_id for hit in history.search("дароз", limit=99)}
        assert any(number is not None and number > 2 * QUESTIONS for number in found)
        assert history.check() == ""


def test_without_a_backup_what_can_be_read_is_kept(path: Path) -> None:
    fill(path)
    HistoryFiles(path).backup.unlink()
    cut(path)
    with History.open(path) as history:
        told = history.recovery
        assert told is not None and told.restored_from is None and told.rescued > 0
        assert history.messages(1)[0].text == "Саволи 0"


def test_a_salvage_that_is_cut_off_is_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path)
    HistoryFiles(path).backup.unlink()
    cut(path)

    def power_cut(*_arguments: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("soro_edge.history.store.salvage", power_cut)
        with pytest.raises(KeyboardInterrupt):
            History.open(path)
    with History.open(path) as history:
        assert history.recovery is not None and history.recovery.rescued > 0
    with History.open(path) as history:
        assert history.recovery is None
        assert history.conversations() != []
    assert len(damaged_files(path)) == 1


def test_a_lost_file_comes_back_from_its_backup(path: Path) -> None:
    fill(path)
    path.unlink()
    with History.open(path) as history:
        assert len(history.conversations()) == QUESTIONS
        assert history.recovery is not None and history.recovery.kept is None


def test_damage_that_is_met_in_use_is_repaired_at_the_next_opening(path: Path) -> None:
    fill(path)
    flip_an_index(path)
    with History.open(path) as history:
        assert history.recovery is None
        with pytest.raises(HistoryDamaged):
            for line in history.conversations(limit=QUESTIONS):
                history.messages(line.id)
            history.search("дароз", limit=99)
    with History.open(path) as history:
        assert history.recovery is not None
        assert len(history.conversations()) == QUESTIONS


def test_messages_that_an_emptied_index_hides_are_missed_and_come_back(path: Path) -> None:
    fill(path)
    empty_an_index(path)
    with History.open(path) as history:
        [line, *_others] = history.conversations(limit=QUESTIONS)
        with pytest.raises(HistoryDamaged):
            history.messages(line.id)
    with History.open(path) as history:
        assert history.recovery is not None
        for line in history.conversations(limit=QUESTIONS):
            assert len(history.messages(line.id)) == 2


def test_damage_is_found_at_once_after_an_unclean_end(path: Path) -> None:
    fill(path)
    with History.open(path) as history:
        history.rename(1, "Номи нав")
        # What a power cut leaves: the file and its log.
        after = path.with_name("other") / path.name
        after.parent.mkdir()
        for name in (path.name, path.name + "-wal", HistoryFiles(path).backup.name):
            shutil.copy(path.with_name(name), after.with_name(name))
    with History.open(after) as history:
        assert history.recovery is None
        assert history.describe(1).title == "Номи нав"
        shutil.copy(path.with_name(path.name), after.with_name("whole"))
    flip_the_middle(after)
    HistoryFiles(after).wal.write_bytes(b"log")
    with History.open(after) as history:
        assert history.recovery is not None
        assert len(history.conversations()) == QUESTIONS


def test_check_finds_what_opening_does_not_and_tells_the_next_opening(path: Path) -> None:
    fill(path)
    with History.open(path) as history:
        assert history.check() == ""
    flip_an_index(path)
    with History.open(path) as history:
        assert history.check() != ""
    with History.open(path) as history:
        assert history.recovery is not None
        assert history.check() == ""


def test_a_damaged_search_table_is_built_again_and_nothing_else_is_touched(path: Path) -> None:
    fill(path)
    with History.open(path) as history:
        with history._database.writing() as connection:
            connection.execute("UPDATE search_data SET block = x'FFFFFFFFFFFFFFFFFFFF'")
        with pytest.raises(HistoryDamaged):
            history.search("дароз")
    with History.open(path) as history:
        assert history.recovery is None
        assert len(history.search("дароз", limit=99)) == QUESTIONS


@pytest.mark.parametrize("moves", range(6))
def test_a_repair_that_is_cut_off_is_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    fill(path)
    empty(path)
    as_it_was = path.read_bytes()
    HistoryFiles(path).wal.write_bytes(b"log")
    left = moves

    def failing(action: Callable[..., None]) -> Callable[..., None]:
        def step(*arguments: Path, **named: bool) -> None:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            action(*arguments, **named)

        return step

    with monkeypatch.context() as patch:
        for name in ("move", "copy_whole", "write_whole"):
            patch.setattr(recovery_module, name, failing(getattr(recovery_module, name)))
        try:
            History.open(path).close()
            assert moves == 5
        except KeyboardInterrupt:
            assert moves < 5
    with History.open(path) as history:
        assert len(history.conversations()) == QUESTIONS
        assert (history.recovery is None) == (moves == 5)
    (kept,) = damaged_files(path)
    assert kept.read_bytes() == as_it_was
    assert HistoryFiles(kept).wal.read_bytes() == b"log"
    assert not list(path.parent.glob("*.tmp*")) and not HistoryFiles(path).restoring.exists()


def test_a_repair_cut_off_at_its_very_end_does_not_touch_the_restored_file(path: Path) -> None:
    fill(path)
    files = HistoryFiles(path)
    kept = files.dated("damaged")
    copy_whole(path, kept, files.temporary("copy"))
    files.restoring.write_text(kept.name, encoding="utf-8")
    before = path.read_bytes()
    with History.open(path) as history:
        assert history.recovery is not None
        assert history.recovery.kept == kept
    assert path.read_bytes() == before
    assert damaged_files(path) == [kept]


def test_nobody_repairs_while_another_has_it_open(path: Path) -> None:
    fill(path)
    with History.open(path):
        no_database(path)
        as_it_was = path.read_bytes()
        with pytest.raises(HistoryBusy):
            History.open(path)
        assert path.read_bytes() == as_it_was
        assert damaged_files(path) == []
