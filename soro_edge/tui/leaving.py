"""Leaving when the system says so: SIGTERM (shutdown, another program) and SIGHUP (the window closed).

Knows no screen: it calls what it is given.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

LEAVE_SECONDS = 8.0
"""After so much time the process ends whatever hinders it."""

STORE_SECONDS = 1.0


def listen_for_signals(leave: Callable[[], object], abandon: Callable[[], None]) -> None:
    """Call `leave` in the event loop's thread when a signal comes; it has to end the app.

    Where that does not happen in time, `abandon` is called in another thread and the process ends.
    """

    def insist(number: int) -> None:
        # Not the event loop's: Textual's waits for ever once its terminal takes no more output.
        threading.Event().wait(LEAVE_SECONDS)
        abandon()
        threading.Event().wait(STORE_SECONDS)
        os._exit(128 + number)

    def told(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGTERM:
            _let_go_of_the_terminal()
        threading.Thread(target=insist, args=(number,), daemon=True).start()
        leave()

    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(getattr(signal, name), told)


def _let_go_of_the_terminal() -> None:
    """It is gone: writing there would fail, and the screen would never finish closing."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            if os.isatty(number) or number == 2:
                os.dup2(nowhere, number)
