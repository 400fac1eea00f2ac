"""A byte that a bad stick changed stops nothing: it is mended, or backup and salvage take over."""

import math
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.errors import HistoryTooNew
from soro_edge.history.export import to_html, to_markdown, to_text
from soro_edge.history.files import HistoryFiles
from soro_edge.history.migrations import MIGRATIONS, version_by_tables
from soro_edge.history.store import History
from tests.history.damages import QUESTIONS, fill, titles
from tests.history.test_history_migrations import at_version

LATER = "Баъд аз нусха"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a history, its backup, and a conversation that the backup does not hold yet."""
    path = tmp_path_factory.mktemp("whole") / "history.sqlite3"
    fill(path)
    with History.open(path) as history:
        log = history.new_conversation()
        log.add_question(LATER)
        log.write_answer(log.begin_answer(), "Ҷавоб", AnswerState.COMPLETE)
    return path.parent


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "own", copy_function=shutil.copy2)
    return tmp_path / "own" / "history.sqlite3"


def flip(path: Path, offset: int, bits: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes((byte ^ bits,)))


def everything_is_there(path: Path) -> None:
    with History.open(path) as history:
        assert len(titles(history)) == QUESTIONS + 1
        assert LATER in titles(history)
        assert len(history.search("дароз", limit=99)) == QUESTIONS
        assert history.search("нусха")
        history.new_conversation().add_question("Ва боз")
    History.open(path).close()  # what is met in use is repaired here
    with History.open(path) as history:
        assert history.recovery is None
        assert "Ва боз" in titles(history)


@pytest.mark.parametrize("backup", ["with a backup", "without"])
@pytest.mark.parametrize(
    "offset", [0, 15, 16, 17, 18, 19, 21, 24, 28, 31, 35, 39, 43, 44, 47, 51, 55, 59, 67, 95, 99]
)
def test_a_changed_byte_of_the_header_loses_nothing(path: Path, offset: int, backup: str) -> None:
    if backup == "without":
        HistoryFiles(path).backup.unlink()
    flip(path, offset, 0xFF)
    everything_is_there(path)


@pytest.mark.parametrize("bits", [0xFF, 0x80, 0x08, 0x02])
@pytest.mark.parametrize("offset", [60, 61, 62, 63])
def test_a_changed_byte_of_the_version_is_mended(path: Path, offset: int, bits: int) -> None:
    flip(path, offset, bits)
    with History.open(path) as history:
        assert history.recovery is None
    everything_is_there(path)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_the_next_versions_of_the_program_are_told_and_left_alone(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + version}")
    before = path.read_bytes()
    with pytest.raises(HistoryTooNew):
        History.open(path)
    assert path.read_bytes() == before


def test_each_version_can_be_told_by_its_tables(tmp_path: Path) -> None:
    for steps in range(len(MIGRATIONS) + 1):
        with closing(at_version(tmp_path / str(steps), steps)) as connection:
            assert version_by_tables(connection) == steps


def run(*statements: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        run("DROP TABLE search"),
        run("DELETE FROM search"),
        run("DELETE FROM sqlite_schema WHERE name = 'search'"),
        run("DELETE FROM search_data"),
        run("DELETE FROM search_docsize"),
        run("DELETE FROM search_content"),
        run("DELETE FROM search_config"),
        run("DROP TABLE search_config"),
        run("DROP TABLE search_idx"),
        run("DROP TABLE search_docsize"),
        run("DELETE FROM sqlite_schema WHERE name = 'search_content'"),
    ],
    ids=range(11),
)
def test_a_missing_or_empty_search_table_is_built_again(
    path: Path, damage: Callable[[Path], None]
) -> None:
    damage(path)
    everything_is_there(path)


@pytest.mark.parametrize(
    "damage",
    [
        run("DROP TABLE messages"),
        run("ALTER TABLE messages RENAME COLUMN state TO stat"),
        run("DROP INDEX messages_in_order", "PRAGMA user_version = 1"),
        run("UPDATE sqlite_schema SET sql = replace(sql, 'title', 'titlf')"),
        run("UPDATE sqlite_schema SET sql = 'CREATE' WHERE name = 'conversations'"),
    ],
    ids=range(5),
)
def test_other_tables_than_ours_are_set_aside_for_the_backup(
    path: Path, damage: Callable[[Path], None]
) -> None:
    damage(path)
    HistoryFiles(path).suspect.touch()
    with History.open(path) as history:
        assert history.recovery is not None and history.recovery.restored_from is not None
        assert len(titles(history)) >= QUESTIONS
        assert history.search("дароз")


@pytest.mark.parametrize("seconds", [1e300, -1e300, math.inf, 9e99, -62_200_000_000.0])
def test_an_odd_time_is_a_question_mark(path: Path, seconds: float) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE conversations SET created = ?, updated = ?", (seconds, seconds))
    with History.open(path) as history:
        (line, *_rest) = history.conversations()
        for export in (to_text, to_markdown, to_html):
            assert "?" in export(line, history.messages(line.id))
        assert history.search("дароз")


def test_a_row_of_other_kinds_is_shown_as_far_as_it_can_be_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '')")
        connection.commit()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE conversations SET title = x'D0A1FF', created = 'дирӯз', updated = x'00' WHERE id = 1"
        )
        connection.execute(
            "UPDATE messages SET text = x'D0A1', state = x'00' WHERE conversation = 1"
        )
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE name IN ('conversations', 'messages')"
        )
    with History.open(path) as history:
        line = history.describe(1)
        assert line.title == "С�" and "?" in to_text(line, history.messages(1))
        assert history.messages(1)[0].text == "С"
