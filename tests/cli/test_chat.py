"""`soro chat` on pipes and consoles: what it reads, and how Ctrl-C ends it."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from soro_edge.chat.letters import LONGEST_INPUT_BYTES
from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.session import ChatSession
from soro_edge.commands.chat import _converse, _ctrl_c_stops
from soro_edge.errors import InputTooLong
from soro_edge.testing.scripted import ScriptedEngine
from tests.cli.test_commands import soro

Pipe = Callable[[bytes], None]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Give these bytes on standard input."""
    return lambda data: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("data", "questions"),
    [
        ("\ufeffсалом\r\nхайр\r\n".encode(), ["салом", "хайр"]),
        ("салом\n\u200b\n\u2800\nхайр".encode(), ["салом", "хайр"]),
        ("с\x00ал\x1b[2Jом\n   \nхайр\n".encode(), ["сал[2Jом"]),
        (b"\xff\n\xd1\x81\n", ["с"]),
        ("\ufeff\nсалом\n".encode(), []),
        (b"", []),
    ],
)
def test_each_line_is_a_question_until_an_empty_one(
    pipe: Pipe, data: bytes, questions: list[str]
) -> None:
    pipe(data)
    log = MemoryLog()
    _converse(ChatSession(engine=ScriptedEngine(), log=log))
    assert [message.text for message in log.messages()][::2] == questions


def test_a_line_without_end_is_refused_and_nothing_of_it_stored(pipe: Pipe) -> None:
    pipe(b"a" * (LONGEST_INPUT_BYTES + 2))
    log = MemoryLog()
    with pytest.raises(InputTooLong):
        _converse(ChatSession(engine=ScriptedEngine(), log=log))
    assert not log.messages()


def test_the_first_ctrl_c_stops_the_answer_and_the_second_ends_the_program() -> None:
    session = ChatSession(engine=ScriptedEngine(), log=MemoryLog())
    with _ctrl_c_stops(session) as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_question_without_end_is_refused_before_the_model_is_looked_for() -> None:
    done = soro("ask", "--model", "none", given=b"y\n" * LONGEST_INPUT_BYTES)
    assert done.returncode == 4 and b"at most 1 MB" in done.stderr and not done.stdout


def test_a_system_text_that_is_no_utf8_is_told() -> None:
    done = soro("ask", "--system", "\udcff", "салом", "--no-history")
    assert done.returncode == 4 and b"not UTF-8" in done.stderr


@pytest.mark.usefixtures("known_starter")
@pytest.mark.skipif(os.name == "nt", reason="no such limit there")
@pytest.mark.parametrize("files", [6, 8, 9])
def test_too_many_open_files_are_told_in_a_sentence(files: int) -> None:
    import resource

    done = subprocess.run(
        [sys.executable, "-m", "soro_edge.cli", "ask", "салом", "--max-tokens", "2"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
        timeout=60,
    )
    told = done.stderr.decode()
    assert done.returncode in (5, 6) and told.startswith("error: ") and "Traceback" not in told


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
@pytest.mark.skipif(os.name == "nt", reason="no such shell there")
def test_a_closed_standard_input_is_an_empty_one() -> None:
    closed = f'"{sys.executable}" -m soro_edge.cli chat <&-'
    done = subprocess.run(["bash", "-c", closed], capture_output=True, timeout=60)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
