"""How fast is a large history? Builds one and prints medians; nothing is asserted.

The goal: open, list and search within 100 ms each with 10,000 conversations.

.venv/bin/python tests/benchmarks/history_speed.py [CONVERSATIONS] [FOLDER]
"""

import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from soro_edge.chat.messages import AnswerState
from soro_edge.history.backup import make_backup
from soro_edge.history.database import connect, transaction
from soro_edge.history.files import HistoryFiles
from soro_edge.history.search import index_message
from soro_edge.history.store import History

ROUNDS = 15
SYLLABLES = re.findall("..", "макидабатоҷикистанухақиғорудӣсавабалимӯзашароназ")


def main() -> None:
    conversations = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        path = Path(folder) / "history.sqlite3"
        build(path, conversations)
        size_mb = path.stat().st_size / 1e6
        print(f"{conversations} conversations, {4 * conversations} messages, {size_mb:.0f} MB")
        measure(path)


def build(path: Path, conversations: int) -> None:
    """Four messages in each conversation, with words as frequent as words are (Zipf)."""
    chance = random.Random(1)
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, 1 + len(words))]

    def text(count: int) -> str:
        return " ".join(chance.choices(words, weights, k=count))

    History.open(path).close()
    with closing(connect(path)) as connection, transaction(connection):
        for number in range(1, 1 + conversations):
            connection.execute(
                "INSERT INTO conversations (id, title, created, updated) VALUES (?, ?, ?, ?)",
                (number, text(6), number, number),
            )
            for role, count in (("user", 8), ("assistant", 60)) * 2:
                body = text(count)
                row = connection.execute(
                    "INSERT INTO messages (conversation, role, text, state, created)"
                    " VALUES (?, ?, ?, 'complete', ?) RETURNING id",
                    (number, role, body, number),
                ).fetchone()
                index_message(connection, row[0], body)


def measure(path: Path) -> None:
    def open_and_close() -> None:
        History.open(path, clock=lambda: 0.0).close()

    first = time.perf_counter()
    History.open(path).close()
    report("first close, with its backup", [1000 * (time.perf_counter() - first)])
    median("open and close", open_and_close)
    with History.open(path) as history:
        median("list, first 200", lambda: history.conversations(limit=200))
        median("list, 200 after 9,000", lambda: history.conversations(limit=200, offset=9000))
        for words in ("а", "м", "дар", "кидар", "ма ки", "ма ки дар ба то", "ҳамакиқи", "йййй"):
            median(f"search «{words}»", lambda words=words: history.search(words))  # type: ignore[misc]
        log = history.new_conversation()
        median("add a question", lambda: log.add_question("Пойтахти Тоҷикистон кадом шаҳр аст?"))
        answer = log.begin_answer()
        state = AnswerState.WRITING
        median("write an answer's step", lambda: log.write_answer(answer, "ҷавоб " * 300, state))
        median("delete a conversation", lambda: history.delete(history.conversations()[-1].id))
        median("check (integrity_check)", lambda: history.check(), rounds=3)
        median("backup", lambda: make_backup(HistoryFiles(path)), rounds=3)
        unclean = path.with_name("unclean.sqlite3")
        for suffix in ("", "-wal"):
            Path(f"{unclean}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    start = time.perf_counter()
    History.open(unclean)
    report("open after kill -9", [1000 * (time.perf_counter() - start)])


def median(name: str, action: Callable[[], object], *, rounds: int = ROUNDS) -> None:
    times = []
    for _ in range(rounds):
        os.sync()
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    report(name, times)


def report(name: str, times_ms: list[float]) -> None:
    middle = statistics.median(times_ms)
    print(f"{middle:9.1f} ms  (worst {max(times_ms):8.1f})  {name}")


if __name__ == "__main__":
    main()
