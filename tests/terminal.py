"""A pseudo-terminal of 80x24 with one program in it, as a person's window has: POSIX only."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from typing import Self

import psutil

SORO = (sys.executable, "-m", "soro_edge.cli")


class Terminal:
    """What the program draws is read only in the methods here; leaving the `with` ends the program."""

    answers = True
    """Whether it tells where its cursor is when it is asked, as a terminal does."""

    def __init__(self, command: Sequence[str], **environ: str) -> None:
        self._window, theirs = pty.openpty()
        self.program = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_own_terminal,
            env=os.environ | {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"} | environ,
        )
        os.close(theirs)
        self.seen = b""
        """All that was drawn since the last `until` was met."""

    def until(self, wanted: str, seconds: float = 60) -> None:
        """Read what the program draws until it drew this."""
        end = time.monotonic() + seconds
        while wanted.encode() not in self.seen:
            if not self._read(max(0.0, end - time.monotonic())):
                raise AssertionError(f"never drawn: {wanted!r}; last: {self.seen[-2000:]!r}")
        self.seen = self.seen.partition(wanted.encode())[2]

    def write(self, text: str) -> None:
        """Type."""
        os.write(self._window, text.encode())

    def close(self) -> None:
        """Close the window: the program gets SIGHUP."""
        if self._window >= 0:
            os.close(self._window)
            self._window = -1

    def end(self, seconds: float = 30) -> int:
        """Read on until the program ends; its exit code."""
        until = time.monotonic() + seconds
        while self._window >= 0 and time.monotonic() < until and self._read(0.1, gone=True):
            pass
        return self.program.wait(max(0.1, until - time.monotonic()))

    def worker(self) -> int:
        """The process id of its engine."""
        return psutil.Process(self.program.pid).children()[0].pid

    def _read(self, seconds: float, *, gone: bool = False) -> bool:
        """Take in some of what is drawn. False where time is over, or the program is gone."""
        if not select.select([self._window], [], [], seconds)[0]:
            return gone and self.program.poll() is None
        try:
            drawn = os.read(self._window, 65536)
            self.seen += drawn
            if self.answers and b"\x1b[6n" in drawn:
                os.write(self._window, b"\x1b[1;1R")
        except OSError:  # Linux' way to say that nobody holds the other side any more
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.program.kill()
        self.program.wait()
        self.close()


class SilentTerminal(Terminal):
    """One that does not know escape sequences."""

    answers = False


def _own_terminal() -> None:
    """Make it the controlling terminal, so that Ctrl-C and closing it send signals."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
