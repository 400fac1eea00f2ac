"""What power cuts, bad sectors and strange programs do to a history's file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from soro_edge.chat.messages import AnswerState
from soro_edge.history.store import History

DAY = 24 * 3600.0
QUESTIONS = 40


def fill(path: Path) -> None:
    with History.open(path) as history:
        for number in range(QUESTIONS):
            log = history.new_conversation()
            log.add_question(f"Саволи {number}")
            log.write_answer(log.begin_answer(), "Ҷавоби дароз. " * 60, AnswerState.COMPLETE)


def flip_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(byte ^ 0xFF for byte in data[middle : middle + 20_000])
    path.write_bytes(data)


def flip_an_index(path: Path) -> None:
    """Something that no opening looks at, and every list of conversations does."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'messages_in_order'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    page = slice((root - 1) * size, root * size)
    data[page] = bytes(byte ^ 0xFF for byte in data[page])
    path.write_bytes(data)


def empty_an_index(path: Path) -> None:
    """Its first page says that it holds nothing, which SQLite believes."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'messages_in_order'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    at = (root - 1) * size
    data[at : at + size] = b"\x0a" + bytes(4) + size.to_bytes(2, "big") + bytes(size - 7)
    path.write_bytes(data)


def zero_the_beginning(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:4096] = bytes(4096)
    path.write_bytes(data)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def cut_the_end(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 4 // 5)


def break_a_name_in_the_schema(path: Path) -> None:
    """With a byte that is no UTF-8: SQLite tells it in a text that Python cannot decode."""
    data = path.read_bytes()
    path.write_bytes(data.replace(b"tablesearch_content", b"tablesear\xcdh_content", 1))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_database(path: Path) -> None:
    path.write_text("Ин пойгоҳи додаҳо нест. " * 1000, encoding="utf-8")


def blank_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE something (a)")
        connection.execute("DROP TABLE something")


SEEN_AT_ONCE = [
    break_a_name_in_the_schema,
    zero_the_beginning,
    cut,
    empty,
    no_database,
    blank_database,
]
Damage = Callable[[Path], None]


def damaged_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob("history.damaged-2*.sqlite3"))


def titles(history: History) -> set[str]:
    return {line.title for line in history.conversations()}
