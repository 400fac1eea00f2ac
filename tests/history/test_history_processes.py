"""Several threads, several processes, and one that is killed."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.errors import HistoryBusy, StorageError
from soro_edge.history.store import History

ASK_MANY = """
import sys
from pathlib import Path
from soro_edge.chat.messages import AnswerState
from soro_edge.history.store import History
sys.stdin.readline()
with History.open(Path(sys.argv[1])) as history:
    log = history.new_conversation()
    for number in range(20):
        log.add_question(f"{sys.argv[2]} {number}")
        log.write_answer(log.begin_answer(), "Ҷавоб", AnswerState.COMPLETE)
"""

HALF_AN_ANSWER = """
import sys
from pathlib import Path
from soro_edge.chat.messages import AnswerState
from soro_edge.history.store import History
history = History.open(Path(sys.argv[1]))
log = history.new_conversation()
log.add_question("Савол")
answer = log.begin_answer()
log.write_answer(answer, "Нисфи", AnswerState.WRITING)
log.write_answer(answer, "Нисфи ҷавоб", AnswerState.WRITING)
print("written", flush=True)
sys.stdin.readline()
"""

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_processes_that_begin_at_once_lose_nothing(path: Path) -> None:
    processes = [run(ASK_MANY, path, name) for name in ("Якум", "Дуюм", "Сеюм")]
    for process in processes:
        say(process)
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with History.open(path) as history:
        assert history.recovery is None
        assert history.check() == ""
        for line in history.conversations():
            name = line.title.split()[0]
            texts = [message.text for message in history.messages(line.id)]
            assert texts == [t for n in range(20) for t in (f"{name} {n}", "Ҷавоб")]
        assert len(history.conversations()) == 3


def test_killed_in_the_middle_of_an_answer_what_was_written_is_kept(path: Path) -> None:
    with run(HALF_AN_ANSWER, path) as process:
        assert hear(process) == "written"
        process.kill()
    with History.open(path) as history:
        assert history.recovery is None
        (line,) = history.conversations()
        question, answer = history.messages(line.id)
        assert question.text == "Савол"
        assert (answer.text, answer.state) == ("Нисфи ҷавоб", AnswerState.WRITING)
        assert [hit.message_id for hit in history.search("нисфи")] == [answer.id]


def test_one_sees_what_another_process_wrote(path: Path) -> None:
    with History.open(path) as history:
        process = run(ASK_MANY, path, "Онҷо")
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
        (line,) = history.conversations()
        history.conversation(line.id).add_question("Ва инҷо")
        assert line.messages + 1 == history.conversations()[0].messages == 41


def test_a_long_transaction_elsewhere_is_busy_and_then_over(history: History, path: Path) -> None:
    log = history.new_conversation()
    log.add_question("Якум")
    with run(HOLD, path) as process:
        assert hear(process) == "held"
        with pytest.raises(HistoryBusy):
            log.add_question("Дуюм")
        assert len(log.messages()) == 1  # reading goes on
        say(process)
    log.add_question("Дуюм")
    assert [message.text for message in log.messages()] == ["Якум", "Дуюм"]


def test_threads_share_one_history(history: History) -> None:
    logs = [history.new_conversation() for _ in range(4)]
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            logs[number].add_question(f"Савол {number}")
            answer = logs[number].begin_answer()
            for step in range(10):
                logs[number].write_answer(answer, "а" * step, AnswerState.WRITING)
                history.conversations()
                history.search("савол")
        except (StorageError, sqlite3.Error) as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert failures == []
    for number, log in enumerate(logs):
        assert [message.text for message in log.messages()] == [f"Савол {number}", "а" * 9]


def test_reading_does_not_wait_for_a_writer(history: History) -> None:
    with history._database.writing():
        thread = threading.Thread(target=history.conversations)
        thread.start()
        thread.join(timeout=5)
        assert not thread.is_alive()
