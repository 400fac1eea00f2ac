"""Whether the window that Soro was started in can show the tutor: found out before the first paint.

An old console prints escape sequences instead of obeying them. Knows no Textual. No key that is pressed
meanwhile is lost.
"""

import os
import re
import shutil
import sys
import time
from dataclasses import dataclass

from soro_edge.locale import _

LEAST_COLUMNS = 40
LEAST_ROWS = 12
ANSWER_SECONDS = 2.0
"""A terminal answers within milliseconds; one on a busy old laptop, or far away, gets so long."""

_CURSOR_QUERY = b"\x1b[6n"
_CURSOR_ANSWER = re.compile(rb"\x1b\[\d+;\d+R")
_ERASE = "\r        \r"
"""What a console printed instead of obeying goes away again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What was found out."""

    trouble: str = ""
    """Why the tutor cannot be shown, in a sentence; empty where it can."""
    typed: str = ""
    """Keys that came before the terminal's answer."""


def look_at_console() -> Console:
    """Ask the window. It is a terminal: standard input and error have been looked at before."""
    columns, rows = shutil.get_terminal_size((80, 24))
    if columns < LEAST_COLUMNS or rows < LEAST_ROWS:
        text = _(
            "The window is too small for the screen of Soro ({least_columns} x {least_rows} letters),"
            " so Soro goes on line by line."
        )
        return Console(trouble=text.format(least_columns=LEAST_COLUMNS, least_rows=LEAST_ROWS))
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return Console(trouble=_no_escape_sequences())
    return _ask_console()


def _no_escape_sequences() -> str:
    return _("This window cannot show the screen of Soro, so Soro goes on line by line.")


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _ENABLE_VIRTUAL_TERMINAL_PROCESSING = 0x0004
    _STANDARD_OUTPUT = -11

    class _ScreenBuffer(ctypes.Structure):
        """CONSOLE_SCREEN_BUFFER_INFO of the Windows API."""

        _fields_ = (
            ("size", wintypes._COORD),
            ("cursor", wintypes._COORD),
            ("attributes", wintypes.WORD),
            ("window", wintypes.SMALL_RECT),
            ("largest_window", wintypes._COORD),
        )

    def _ask_console() -> Console:
        """Try the mode that obeys escape sequences, then one that prints nothing: does the cursor move?

        Wine's console, and some that stand in for Windows', take the mode and print all the same.
        """
        kernel32 = ctypes.windll.kernel32
        kernel32.GetStdHandle.restype = wintypes.HANDLE
        handle = wintypes.HANDLE(kernel32.GetStdHandle(_STANDARD_OUTPUT))
        mode = wintypes.DWORD()
        if not kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
            return Console(trouble=_no_escape_sequences())
        obeying = mode.value | _ENABLE_VIRTUAL_TERMINAL_PROCESSING
        if not kernel32.SetConsoleMode(handle, obeying):
            return Console(trouble=_no_escape_sequences())
        try:
            before = _cursor(handle)
            _write(handle, "\x1b[0m")
            if _cursor(handle) != before:
                _write(handle, _ERASE)
                return Console(trouble=_no_escape_sequences())
        finally:
            kernel32.SetConsoleMode(handle, mode)
        return Console()

    def _cursor(handle: wintypes.HANDLE) -> tuple[int, int]:
        buffer = _ScreenBuffer()
        ctypes.windll.kernel32.GetConsoleScreenBufferInfo(handle, ctypes.byref(buffer))
        return buffer.cursor.X, buffer.cursor.Y

    def _write(handle: wintypes.HANDLE, text: str) -> None:
        written = wintypes.DWORD()
        ctypes.windll.kernel32.WriteConsoleW(handle, text, len(text), ctypes.byref(written), None)

else:
    import select
    import termios

    def _ask_console() -> Console:
        """Ask where the cursor is: a terminal that obeys escape sequences answers."""
        assert sys.__stdin__ and sys.__stderr__
        keyboard, window = sys.__stdin__.fileno(), sys.__stderr__.fileno()
        usual = termios.tcgetattr(keyboard)
        unread = termios.tcgetattr(keyboard)
        # Neither shown nor kept until Enter; Ctrl-C still ends the program.
        unread[3] &= ~(termios.ECHO | termios.ICANON)
        try:
            termios.tcsetattr(keyboard, termios.TCSANOW, unread)
            os.write(window, _CURSOR_QUERY)
            came = _read_answer(keyboard)
        finally:
            termios.tcsetattr(keyboard, termios.TCSANOW, usual)
        answer = _CURSOR_ANSWER.search(came)
        if answer is None:
            os.write(window, _ERASE.encode())
            return Console(trouble=_no_escape_sequences(), typed=came.decode(errors="ignore"))
        typed = came[: answer.start()] + came[answer.end() :]
        return Console(typed=typed.decode(errors="ignore"))

    def _read_answer(keyboard: int) -> bytes:
        """What comes until the answer is there, or the time is over."""
        came, end = b"", time.monotonic() + ANSWER_SECONDS
        while not _CURSOR_ANSWER.search(came):
            left = end - time.monotonic()
            if left <= 0 or not select.select([keyboard], [], [], left)[0]:
                break
            piece = os.read(keyboard, 4096)
            if not piece:  # the window was closed
                break
            came += piece
        return came
