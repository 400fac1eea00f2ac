"""A history in a folder where nothing can be written: all that was said can be read, nothing changes."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from soro_edge.errors import FolderNotWritable, HistoryBusy, HistoryTooNew, NoConversation
from soro_edge.history import protected
from soro_edge.history.files import HistoryFiles
from soro_edge.history.protected import open_to_read
from soro_edge.history.store import History

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are shut in another way")

Protect = Callable[[Path], None]


def said(path: Path) -> list[str]:
    with open_to_read(path) as history:
        return [
            message.text for one in history.conversations() for message in history.messages(one.id)
        ]


def ask(path: Path, question: str) -> None:
    with History.open(path) as history:
        history.new_conversation().add_question(question)


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_all_is_read_and_nothing_is_written(path: Path, protect: Protect) -> None:
    ask(path, "Ҳуҷайра чист?")
    before = content(path.parent)
    protect(path.parent)
    with pytest.raises(FolderNotWritable):
        History.open(path)
    with open_to_read(path) as history:
        (one,) = history.conversations()
        assert history.describe(one.id) == one
        assert [hit.conversation_id for hit in history.search("хуч")] == [one.id]
        with pytest.raises(NoConversation):
            history.messages(one.id + 1)
    assert said(path) == ["Ҳуҷайра чист?"]
    assert content(path.parent) == before


@pytest.mark.parametrize("with_index", [True, False])
def test_messages_that_are_in_the_log_alone_are_read(
    path: Path, tmp_path: Path, protect: Protect, with_index: bool
) -> None:
    ask(path, "Аввал")
    stick = tmp_path / "stick"
    with History.open(path) as history:
        history.new_conversation().add_question("Охирин")
        shutil.copytree(path.parent, stick)  # as if the power went here
    copy = HistoryFiles(stick / path.name)
    assert copy.wal.stat().st_size
    if not with_index:
        copy.shm.unlink()
    protect(stick)
    assert said(copy.main) == ["Охирин", "Аввал"]


def test_what_is_written_now_by_one_who_may_is_read(path: Path, protect: Protect) -> None:
    ask(path, "Аввал")
    with History.open(path) as history:
        log = history.new_conversation()
        log.add_question("Дуюм")
        elsewhere = path.parent.parent / "seen from elsewhere"
        elsewhere.mkdir()
        for file in path.parent.iterdir():
            os.link(file, elsewhere / file.name)
        protect(elsewhere)
        with open_to_read(elsewhere / path.name) as reader:
            assert len(reader.conversations()) == 2
            history.new_conversation().add_question("Сеюм")
            assert len(reader.conversations()) == 3


def test_a_file_that_somebody_holds_is_not_read_without_locks(
    path: Path, protect: Protect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """His log is half written, perhaps."""
    ask(path, "Аввал")
    protect(path.parent)
    opened, ways = protected._opened, []

    def held(file: Path, way: str) -> sqlite3.Connection:
        ways.append(way)
        if way == "mode=ro":
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return opened(file, way)

    monkeypatch.setattr(protected, "_opened", held)
    with pytest.raises(HistoryBusy):
        open_to_read(path)
    assert ways == ["mode=ro"]


def test_a_folder_without_a_history_has_no_conversations(read_only: Path) -> None:
    assert said(read_only / "history.sqlite3") == []


def test_where_the_file_is_lost_its_backup_is_read(path: Path, protect: Protect) -> None:
    ask(path, "Савол")
    assert HistoryFiles(path).backup.exists()
    path.unlink()
    protect(path.parent)
    assert said(path) == ["Савол"]


def test_an_older_file_is_read_as_one_of_today(path: Path, protect: Protect) -> None:
    ask(path, "Қадим")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE search")
        connection.execute("DROP INDEX messages_unfinished")
        connection.execute("ALTER TABLE conversations DROP COLUMN trashed")
        connection.execute("PRAGMA user_version = 1")
    protect(path.parent)
    with open_to_read(path) as history:
        assert [hit.snippet.match for hit in history.search("кадим")] == ["Қадим"]


def test_a_newer_file_is_told(path: Path, protect: Protect) -> None:
    ask(path, "Нав")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 4")
    protect(path.parent)
    with pytest.raises(HistoryTooNew):
        open_to_read(path)
