"""The tutor in a real terminal of its own, told to go by the system: the partial answer is stored."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

import pty
import select

PROGRAM = """
import sys, threading
from soro_edge.chat.session import ChatOptions
from soro_edge.testing.scripted import ScriptedAnswer, ScriptedEngine
from soro_edge.tui.app import TutorApp
from soro_edge.tui.services import TutorServices
from tests.tui.memory_store import MemoryStore, told

class Patient(ScriptedEngine):
    def generate(self, request):
        for event in super().generate(request):
            yield event
            self._stopped.wait(0.2)

store = MemoryStore()
answer = ScriptedAnswer(text="як " * 400)
services = TutorServices(
    engine=Patient([answer]), open_history=lambda: store, options=ChatOptions(),
    model_title="Scripted", prepare=lambda progress: None,
)
left = TutorApp(services=services).run()
state = told(store.logs[1])[1][1]
with open(sys.argv[1], "w") as file:
    file.write(f"{state} {store.closed} {type(left).__name__}")
"""


def read_until(terminal: int, wanted: bytes) -> None:
    """Read what the program draws, as a terminal would, until it drew this."""
    seen, end = b"", time.monotonic() + 10
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"never drawn: {wanted!r}"
        seen += os.read(terminal, 65536)


@pytest.mark.parametrize("told", ["SIGTERM", "window closed"])
def test_the_partial_answer_is_stored(tmp_path: Path, told: str) -> None:
    outcome = tmp_path / "outcome"
    terminal, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(outcome)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: _own(0),
        env={**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"},
    )
    os.close(theirs)
    try:
        read_until(terminal, b"ready")
        os.write(terminal, b"a\r")
        read_until(terminal, b"writing")
        if told == "SIGTERM":
            program.send_signal(signal.SIGTERM)
            while program.poll() is None:
                if select.select([terminal], [], [], 0.1)[0]:
                    try:
                        os.read(terminal, 65536)
                    except OSError:
                        break
            os.close(terminal)
        else:
            os.close(terminal)
        assert program.wait(timeout=7) == 0
    finally:
        program.kill()
        program.wait()
    assert outcome.read_text() == "stopped True Interrupted"


def _own(terminal: int) -> None:
    """Make it the controlling terminal, so that closing it sends SIGHUP."""
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
