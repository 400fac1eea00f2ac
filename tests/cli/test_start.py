"""Ctrl-C before there is a program."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

LOADS = "import sys; sys.path.insert(0, {folder!r}); from soro_edge.start import main; main('slow')"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_while_the_program_is_loaded_shows_no_traceback(tmp_path: Path) -> None:
    interrupt = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "slow.py").write_text(f"{interrupt}def main(): print('ran')\n")
    done = _run(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_once_loaded_the_program_hears_ctrl_c_itself(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import signal\ndef main(): print(signal.getsignal(signal.SIGINT).__name__)\n"
    )
    assert _run(tmp_path).stdout == "default_int_handler\n"


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", LOADS.format(folder=str(folder))]
    # A test run in the background may have been told to ignore Ctrl-C.
    return subprocess.run(words, capture_output=True, text=True, preexec_fn=_hear_ctrl_c)


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
