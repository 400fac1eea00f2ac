"""Disks that are full, folders that are shut: the right error, and work goes on after it."""

import os
import sqlite3
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.errors import (
    DiskFull,
    FolderNotWritable,
    HistoryBusy,
    HistoryDamaged,
    HistoryPathTooLong,
    StorageError,
)
from soro_edge.history.database import our_errors
from soro_edge.history.files import LONGEST_BYTES, HistoryFiles
from soro_edge.history.gate import Gate
from soro_edge.history.protected import open_to_read
from soro_edge.history.store import History

LONG = "Ҷавоби дароз. " * 20_000


def allow_pages(history: History, pages: int) -> None:
    with history._database.by_hand() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_told_and_writing_goes_on_when_there_is_space(history: History) -> None:
    log = history.new_conversation()
    log.add_question("Савол")
    answer = log.begin_answer()
    log.write_answer(answer, "Оғоз", AnswerState.WRITING)
    allow_pages(history, 1)
    with pytest.raises(DiskFull):
        log.write_answer(answer, LONG, AnswerState.COMPLETE)
    with pytest.raises(DiskFull):
        history.new_conversation().add_question(LONG)
    assert [message.text for message in log.messages()] == ["Савол", "Оғоз"]
    assert len(history.conversations()) == 1
    allow_pages(history, 100_000)
    log.write_answer(answer, LONG, AnswerState.COMPLETE)
    assert log.messages()[1].text == LONG
    assert [hit.message_id for hit in history.search("дароз")] == [answer]
    assert history.check() == ""


def test_a_question_that_did_not_fit_begins_its_conversation_later(history: History) -> None:
    log = history.new_conversation()
    allow_pages(history, 1)
    with pytest.raises(DiskFull):
        log.add_question(LONG)
    assert log.id is None and log.messages() == []
    allow_pages(history, 100_000)
    log.add_question("Кӯтоҳ")
    assert [line.title for line in history.conversations()] == ["Кӯтоҳ"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_shut_folder_is_told(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o500)
    try:
        with pytest.raises(FolderNotWritable):
            History.open(path)
    finally:
        path.parent.chmod(0o700)


def test_a_file_where_the_folder_should_be_is_told(path: Path) -> None:
    path.parent.parent.mkdir(parents=True)
    path.parent.write_text("")
    with pytest.raises(FolderNotWritable):
        History.open(path)


def test_a_folder_where_the_file_should_be_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(FolderNotWritable):
        History.open(path)


@pytest.mark.skipif(os.name == "nt", reason="SQLite's limit is another one there")
def test_a_path_that_is_too_long_for_sqlite_is_told(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < LONGEST_BYTES - 80:
        folder /= "d" * 20
    rest = LONGEST_BYTES - len(str(folder / "history.sqlite3")) - 1
    History.open(folder / ("e" * rest) / "history.sqlite3").close()
    long = folder / ("e" * (rest + 2)) / "history.sqlite3"
    for opening in (History.open, open_to_read):
        with pytest.raises(HistoryPathTooLong):
            opening(long)


def test_writing_on_a_connection_that_may_not_write_is_told(history: History) -> None:
    with history._database.by_hand() as connection:
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(FolderNotWritable):
        history.new_conversation().add_question("Савол")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_BUSY, HistoryBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, HistoryBusy),
        (sqlite3.SQLITE_LOCKED, HistoryBusy),
        (sqlite3.SQLITE_READONLY_DIRECTORY, FolderNotWritable),
        (sqlite3.SQLITE_CANTOPEN, FolderNotWritable),
        (sqlite3.SQLITE_IOERR_READ, FolderNotWritable),
        (sqlite3.SQLITE_CORRUPT_VTAB, HistoryDamaged),
        (sqlite3.SQLITE_NOTADB, HistoryDamaged),
    ],
)
def test_each_code_has_its_error(tmp_path: Path, code: int, kind: type[StorageError]) -> None:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    with pytest.raises(kind) as caught, our_errors(HistoryFiles(tmp_path / "history.sqlite3")):
        raise error
    assert str(caught.value) and caught.value.advice


def test_a_statement_that_does_not_fit_the_tables_is_told_as_damage(history: History) -> None:
    with pytest.raises(HistoryDamaged), history._database.reading() as connection:
        connection.execute("SELECT nothing FROM nowhere")
    assert HistoryFiles(history._database.files.main).suspect.exists()


def test_only_one_is_alone_at_the_gate(tmp_path: Path) -> None:
    first, second, third = (Gate(tmp_path / "lock") for _ in range(3))
    assert first.enter(0)
    with pytest.raises(HistoryBusy):
        second.enter(0)
    first.let_others_in()
    assert not second.enter(0)
    first.leave()
    first.leave()
    assert not third.enter(0)
    second.leave()
    third.leave()
    fourth = Gate(tmp_path / "lock")
    assert fourth.enter(0)
    fourth.leave()
