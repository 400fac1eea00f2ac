"""A newer program's history for an older one: nothing that pupils wrote is lost, there and back again."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from soro_edge.errors import HistoryBusy, HistoryTooNew
from soro_edge.history import migrations, older
from soro_edge.history.database import connect
from soro_edge.history.files import HistoryFiles
from soro_edge.history.migrations import migrate, version_of
from soro_edge.history.older import all_alone, all_histories, copy_before, make_older
from soro_edge.history.store import History

TODAY = len(migrations.MIGRATIONS)


def _subjects(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE messages ADD COLUMN subject TEXT NOT NULL DEFAULT 'алгебра'")


def _marks(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE marks (message INTEGER REFERENCES messages (id), mark INTEGER)"
    )
    connection.execute("ALTER TABLE conversations ADD COLUMN teacher TEXT")


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> int:
    """A program two versions ahead; its number of steps."""
    steps = (*migrations.MIGRATIONS, _subjects, _marks)
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(older, "MIGRATIONS", steps)
    return len(steps)


def ask(path: Path, question: str) -> int:
    """A question and its answer, written by today's program."""
    with History.open(path) as history:
        conversation = history.new_conversation()
        conversation.add_question(question)
        return history.conversations()[0].id


def update(path: Path, steps: int) -> None:
    with closing(connect(path)) as connection:
        migrate(connection, path, steps=steps)


def questions(path: Path) -> list[str]:
    with History.open(path) as history:
        return sorted(
            message.text for c in history.conversations() for message in history.messages(c.id)
        )


def test_a_copy_is_kept_before_tables_change_and_only_then(path: Path, newer: int) -> None:
    ask(path, "Таърих чист?")
    files = HistoryFiles(path)
    assert copy_before(files, TODAY) is None
    kept = copy_before(files, newer)
    assert kept is not None and questions(kept) == ["Таърих чист?"]
    update(path, newer)
    assert copy_before(files, newer) is None
    assert all_histories(path.parents[2]) == [files]


def test_back_over_two_versions_everything_is_there_and_found(path: Path, newer: int) -> None:
    ask(path, "Пеш аз навсозӣ")
    update(path, newer)
    with closing(connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO conversations VALUES (9, 'Нав', 1, 5.0, 6.0, NULL, 'Фарзона')"
        )
        connection.execute(
            "INSERT INTO messages VALUES (77, 9, 'user', 'Баъд аз навсозӣ', 'complete', 0, 5.0, 'x')"
        )
        connection.execute("INSERT INTO marks VALUES (77, 5)")
    kept = make_older(HistoryFiles(path), TODAY)
    assert kept is not None
    with closing(connect(path)) as connection:
        assert version_of(connection) == TODAY
    assert questions(path) == ["Баъд аз навсозӣ", "Пеш аз навсозӣ"]
    with History.open(path) as history:
        assert [hit.message_id for hit in history.search("навсози")].count(77) == 1
        assert history.describe(9).title == "Нав"
    with closing(connect(kept)) as connection:
        assert connection.execute("SELECT mark FROM marks").fetchall() == [(5,)]
    # And forward again: what was asked meanwhile goes along.
    ask(path, "Дар байн")
    update(path, newer)
    with closing(connect(path)) as connection:
        texts = {row[0] for row in connection.execute("SELECT text FROM messages")}
    assert texts == {"Баъд аз навсозӣ", "Пеш аз навсозӣ", "Дар байн"}


def test_a_number_that_was_deleted_is_not_given_again(path: Path, newer: int) -> None:
    ask(path, "Як")
    last = ask(path, "Ду")
    update(path, newer)
    with closing(connect(path)) as connection:
        connection.execute("DELETE FROM conversations WHERE id = ?", (last,))
    make_older(HistoryFiles(path), TODAY)
    assert ask(path, "Се") > last


def test_the_older_program_makes_it_too_without_knowing_the_newer_tables(path: Path) -> None:
    ask(path, "Савол")
    with closing(connect(path)) as connection:
        _subjects(connection)
        connection.execute(f"PRAGMA user_version = {TODAY + 1}")
    with pytest.raises(HistoryTooNew):
        History.open(path)
    assert make_older(HistoryFiles(path), TODAY + 1) is not None
    assert questions(path) == ["Савол"]


def test_what_is_old_enough_is_not_touched_and_an_open_window_is_told(
    path: Path, newer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(path, "Савол")
    before = path.read_bytes()
    assert make_older(HistoryFiles(path), newer) is None and path.read_bytes() == before
    monkeypatch.setattr(older, "_WAIT_SECONDS", 0.05)
    with History.open(path), pytest.raises(HistoryBusy), all_alone([HistoryFiles(path)]):
        raise AssertionError("a window is open")
    with all_alone([HistoryFiles(path)]), pytest.raises(HistoryBusy):
        History.open(path, busy_seconds=0.05)
    History.open(path).close()


def test_a_damaged_history_does_not_keep_an_update_away(path: Path, newer: int) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database " * 500)
    assert copy_before(HistoryFiles(path), newer) is None
