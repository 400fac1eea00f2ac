"""The window is looked at before the first paint; where it cannot show the tutor, Soro goes on in lines."""

import sys
import time

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from soro_edge.commands.console import ANSWER_SECONDS
from tests.terminal import SORO, SilentTerminal, Terminal

LOOK = (
    sys.executable,
    "-c",
    "from soro_edge.commands.console import look_at_console as look; print(repr(look()))",
)


def test_a_terminal_that_answers_shows_the_tutor_at_once_and_no_key_is_lost() -> None:
    with SilentTerminal(LOOK) as window:
        window.until("\x1b[6n")
        begin = time.monotonic()
        window.write("сал\x1b[1;1Rом")
        assert window.end() == 0
        assert time.monotonic() - begin < ANSWER_SECONDS
        assert "typed='салом'" in window.seen.decode() or "typed='сал'" in window.seen.decode()
        assert "trouble=''" in window.seen.decode()


def test_a_terminal_that_does_not_answer_is_told_so_and_keeps_what_was_typed() -> None:
    with SilentTerminal(LOOK) as window:
        window.until("\x1b[6n")
        window.write("салом\r")
        assert window.end() == 0
        told = window.seen.decode()
    assert "cannot show the screen" in told and "typed='салом\\n'" in told


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"TERM": "dumb"}, "cannot show the screen"),
        ({"COLUMNS": "39", "LINES": "24"}, "too small"),
        ({"COLUMNS": "80", "LINES": "11"}, "too small"),
        ({"COLUMNS": "40", "LINES": "12"}, "trouble=''"),
    ],
)
def test_which_windows_are_asked_nothing(environ: dict[str, str], told: str) -> None:
    with Terminal(LOOK, **environ) as window:
        assert window.end() == 0
        assert told in window.seen.decode()


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_in_such_a_window_the_same_talk_goes_on_in_lines() -> None:
    with Terminal(SORO, TERM="dumb", SORO_MAX_TOKENS="8") as window:
        window.until("goes on line by line")
        window.until("> ")
        window.write("Say yes.\n")
        window.until("\n> ")
        window.write("\n")
        assert window.end() == 0
        assert b"\x1b" not in window.seen


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_what_was_typed_before_the_screen_is_there_is_in_the_question() -> None:
    with SilentTerminal(SORO) as tutor:
        tutor.until("\x1b[6n")
        tutor.write("навишта\x1b[1;1R")
        tutor.until("ready")
        tutor.until("навишта")
        tutor.write("\x1b[21~")
        assert tutor.end() == 0
