"""The whole program in a terminal, with the starter model: what a person loses when things break. Nothing."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from tests.terminal import SORO, Terminal

pytestmark = [pytest.mark.native, pytest.mark.terminal]

STORY = "Tell a long story."
"""The starter model's greedy answer to it has 900 tokens: there is time to break something."""
GREEDY = ("--temperature", "0")


def use_greedy_model(home: Path) -> None:
    """A manifest in `home` that makes the starter model's answers the same every time."""
    from soro_edge.paths import manifests_folder

    text = (manifests_folder() / "smollm2-135m-instruct.toml").read_text(encoding="utf-8")
    text = text.replace("smollm2-135m-instruct", "greedy", 1)
    text = text.replace("temperature = 0.2", "temperature = 0.0")
    (home / "models").mkdir(parents=True)
    (home / "models" / "greedy.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def home(own_home: Path) -> Path:
    use_greedy_model(own_home)
    return own_home


@pytest.fixture
def small_disk(own_home: Path) -> Iterator[Path]:
    """A disk of two megabytes as SORO_HOME."""
    own_home.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(own_home)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small disk needs root and a kernel that allows it")
    use_greedy_model(own_home)
    yield own_home
    subprocess.run(["umount", "--lazy", str(own_home)], check=True)


def soro(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SORO, *words], capture_output=True, text=True, timeout=60)


def fill(disk: Path) -> Path:
    """Take all the room that is left; the file that took it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    return ballast


def open_tutor(**environ: str) -> Terminal:
    """The tutor, its model loaded."""
    tutor = Terminal(SORO, **environ)
    tutor.until("ready")
    return tutor


def ask_for_a_story(tutor: Terminal) -> None:
    """Until the answer streams."""
    tutor.write(STORY + "\r")
    tutor.until("writing")
    tutor.until("Once")


def ask(tutor: Terminal, question: str) -> None:
    """Until the answer is whole."""
    tutor.write(question + "\r")
    tutor.until("ready")


def leave(tutor: Terminal) -> int:
    """By F10; the exit code."""
    tutor.write("\x1b[21~")
    return tutor.end()


def shown(number: int = 1) -> str:
    """Conversation `number` as `soro history show` prints it."""
    return soro("history", "show", str(number)).stdout


def test_ask_on_a_disk_that_fills_up_answers_to_the_end_and_tells(small_disk: Path) -> None:
    assert soro("ask", "Say yes.", "--max-tokens", "3").returncode == 0
    with subprocess.Popen(
        [*SORO, "ask", STORY, *GREEDY, "--max-tokens", "150"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as asking:
        assert asking.stdout and asking.stderr
        answer = asking.stdout.read(20)
        ballast = fill(small_disk)
        answer += asking.stdout.read()
        told = asking.stderr.read().decode()
    assert len(answer.split()) > 90 and asking.returncode == 6
    assert told.count("The disk is full") == 1 and "hint: Free some space." in told
    ballast.unlink()
    assert "Say yes." in shown(1) and STORY in shown(2)


def test_the_tutor_on_a_disk_that_fills_up_goes_on_and_tells(small_disk: Path) -> None:
    assert soro("ask", "Say yes.", "--max-tokens", "3").returncode == 0
    with open_tutor(SORO_MAX_TOKENS="150") as tutor:
        ask_for_a_story(tutor)
        ballast = fill(small_disk)
        tutor.until("The disk is full")
        tutor.until("ready")  # the answer came to its end
        ballast.unlink()
        ask(tutor, "Say no.")
        assert leave(tutor) == 0
    assert "Say yes." in shown(1)
    assert STORY in shown(2) and "Say no." in shown(2)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGILL"])
def test_the_tutor_whose_engine_dies_keeps_the_part_and_answers_again(
    home: Path, name: str
) -> None:
    with open_tutor(SORO_MAX_TOKENS="200") as tutor:
        ask_for_a_story(tutor)
        os.kill(tutor.worker(), getattr(signal, name))
        tutor.until("The model stopped in the middle of its work.")
        tutor.until("ready")
        assert "Once" in shown(1) and "not whole" in shown(1)
        ask(tutor, "Say yes.")
        assert leave(tutor) == 0
    assert shown(1).index("Once") < shown(1).index("Say yes.")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGILL"])
def test_ask_whose_engine_dies_keeps_the_part(home: Path, name: str) -> None:
    with Terminal([*SORO, "ask", STORY]) as asking:
        asking.until("Once")
        os.kill(asking.worker(), getattr(signal, name))
        asking.until(f"stopped unexpectedly ({name})")
        asking.until("hint: What was written so far is kept.")
        assert asking.end() == 5
        assert b"Traceback" not in asking.seen
    assert "Once" in shown()


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM", "window closed"])
@pytest.mark.parametrize("command", ["ask", "chat", "tutor"])
def test_what_was_streamed_is_kept_however_the_program_is_ended(
    home: Path, command: str, how: str
) -> None:
    words = {"ask": ["ask", STORY], "chat": ["chat"], "tutor": []}[command]
    with Terminal([*SORO, *words]) as window:
        if command == "chat":
            window.until("> ")
            window.write(STORY + "\n")
        if command == "tutor":
            window.until("ready")
            ask_for_a_story(window)
        else:
            window.until("Once")
        end(window, how)
        if how == "Ctrl-C" and command != "ask":  # there it stops the answer, not the program
            window.until("was stopped.")
            end(window, "SIGTERM")
        assert window.end() == 130
        assert b"Traceback" not in window.seen
    assert STORY in shown() and "Once" in shown()


def end(window: Terminal, how: str) -> None:
    match how:
        case "Ctrl-C":
            window.write("\x03")
        case "SIGTERM":
            window.program.send_signal(signal.SIGTERM)
        case _:
            window.close()


def test_two_tutors_on_one_history_both_keep_what_they_are_told(home: Path) -> None:
    with open_tutor(SORO_MAX_TOKENS="8") as first, open_tutor(SORO_MAX_TOKENS="8") as second:
        for tutor, question in ((first, "Say one."), (second, "Say two."), (first, "Say three.")):
            ask(tutor, question)
        for tutor in (first, second):
            assert leave(tutor) == 0
    assert "Say one." in shown(1) and "Say three." in shown(1)
    assert "Say two." in shown(2)


def test_esc_stops_while_the_question_is_still_read(home: Path) -> None:
    with open_tutor() as tutor:
        tutor.write("word " * 1200 + "\r")
        tutor.until("reading the question")
        tutor.write("\x1b")
        tutor.until("was stopped.")
        assert "writing" not in tutor.seen.decode(errors="replace")
        assert leave(tutor) == 0
    assert "The answer was stopped." in shown()


def test_turns_that_no_longer_fit_are_told(home: Path) -> None:
    with open_tutor(SORO_CONTEXT_TOKENS="256", SORO_MAX_TOKENS="16") as tutor:
        for _turn in range(2):
            ask(tutor, "water " * 60)
        tutor.write("ice " * 60 + "\r")
        tutor.until("The oldest turns no longer fit")
        tutor.until("ready")
        assert leave(tutor) == 0


def test_the_tutor_shows_how_far_loading_is_and_is_small(home: Path) -> None:
    with Terminal(SORO) as tutor:
        tutor.until("loading…")
        tutor.until("█")
        tutor.until(" % ")
        tutor.until("ready")
        ask(tutor, "Say yes.")
        assert psutil.Process(tutor.program.pid).memory_info().rss < 80e6


def test_ctrl_c_in_chat_stops_the_answer_and_the_talk_goes_on(home: Path) -> None:
    with Terminal([*SORO, "chat", "--max-tokens", "120"]) as chat:
        chat.until("> ")
        chat.write(STORY + "\n")
        chat.until("Once")
        chat.write("\x03")
        chat.until("(The answer was stopped.)")
        chat.write("Say yes.\n")
        chat.until("\n> ")
        chat.write("\n")
        assert chat.end() == 0
    assert shown().index("Once") < shown().index("Say yes.")


def test_without_a_terminal_the_tutor_says_what_to_use() -> None:
    done = subprocess.run(SORO, input="", capture_output=True, text=True)
    assert done.returncode == 2 and "soro chat" in done.stderr and not done.stdout
