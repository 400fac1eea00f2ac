"""An old file becomes the same as a new one, whoever opens it and however often."""

import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from soro_edge.errors import HistoryTooNew
from soro_edge.history.database import connect, transaction
from soro_edge.history.migrations import MIGRATIONS, migrate, version_of
from soro_edge.history.store import History


def tables(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema"))


def at_version(path: Path, steps: int) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(path)
    migrate(connection, path, steps=steps)
    return connection


@pytest.mark.parametrize("old", range(len(MIGRATIONS) + 1))
def test_every_old_version_becomes_the_newest(tmp_path: Path, old: int) -> None:
    with (
        closing(at_version(tmp_path / "old", old)) as from_old,
        closing(at_version(tmp_path / "blank", len(MIGRATIONS))) as from_blank,
    ):
        assert version_of(from_old) == old
        migrate(from_old, tmp_path / "old")
        assert tables(from_old) == tables(from_blank)
        assert version_of(from_old) == version_of(from_blank) == len(MIGRATIONS)


def test_what_an_old_version_kept_is_there_and_found(path: Path) -> None:
    with closing(at_version(path, 1)) as connection:
        connection.execute("INSERT INTO conversations VALUES (4, 'Сарлавҳа', 1, 10.0, 20.0)")
        rows = [
            (7, 4, "user", "Таърих чист?", "complete", 0, 10.0),
            (8, 4, "assistant", "Гузаштаи мо", "complete", 1, 11.0),
            (9, 4, "assistant", "Илми гузашта", "writing", 0, 20.0),
        ]
        connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    with History.open(path) as history:
        assert [message.id for message in history.messages(4)] == [7, 9]
        assert [hit.message_id for hit in history.search("тарих")] == [7]
        assert [hit.message_id for hit in history.search("гузашт")] == [9]
        assert [hit.message_id for hit in history.search("сарлавҳа")] == [None]


def test_a_step_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise OSError("power cut")

    with closing(at_version(path, 1)) as connection:
        before = tables(connection)
        monkeypatch.setattr("soro_edge.history.migrations.MIGRATIONS", (MIGRATIONS[0], broken))
        with pytest.raises(OSError, match="power cut"):
            migrate(connection, path, steps=2)
        assert tables(connection) == before
        assert version_of(connection) == 1


def test_another_process_may_be_a_step_ahead(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(at_version(path, 0)) as connection, closing(connect(path)) as other:

        def late(waiting: sqlite3.Connection) -> AbstractContextManager[None]:
            monkeypatch.undo()
            migrate(other, path)
            return transaction(waiting)

        monkeypatch.setattr("soro_edge.history.migrations.transaction", late)
        migrate(connection, path)
        assert version_of(connection) == len(MIGRATIONS)
        assert tables(connection) == tables(other)


def test_a_file_from_the_future_is_left_alone(path: Path) -> None:
    with History.open(path) as history, history._database.writing() as connection:
        connection.execute("PRAGMA user_version = 4")
    before = path.read_bytes()
    for _try in range(2):
        with pytest.raises(HistoryTooNew):
            History.open(path)
    assert path.read_bytes() == before
