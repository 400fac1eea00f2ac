"""First paint of the tutor against an empty Textual app, and the screen process's memory.

Run: uv run python tests/benchmarks/first_paint.py. Each sample is a fresh process in a pseudo-terminal of
80x24; time is from the start of the process to the first frame; pairs in turn, medians of ratios.
"""

import os
import pty
import statistics
import sys
import tempfile
import time
from pathlib import Path

EMPTY = """
import time
from textual.app import App
class Empty(App):
    def on_mount(self): self.call_after_refresh(self.exit)
Empty().run()
"""
TUTOR = """
import sys
sys.argv = ["soro"]
import soro_edge.tui.screens.chat as chat
def leave(self): self.app.exit()
chat.ChatScreen._begin = leave
from soro_edge.cli import main
main()
"""
IDLE = """
import os, resource, sys
sys.argv = ["soro"]
from soro_edge.tui import work
load_engine = work.load_engine
def loaded(engine, post):
    load_engine(engine, post)
    with open(sys.orig_argv[-1], "w") as file:
        file.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
    os._exit(0)  # the worker ends when its standard input closes
work.load_engine = loaded
from soro_edge.cli import main
main()
"""


def seconds(code: str, *words: str) -> float:
    """One run in a pseudo-terminal, from start to end."""
    began = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(COLUMNS="80", LINES="24", TERM="xterm-256color")
        os.execv(sys.executable, [sys.executable, "-c", code, *words])
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass  # the terminal's other side is closed
    os.waitpid(child, 0)
    os.close(terminal)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["SORO_HOME"] = home
        seconds(EMPTY), seconds(TUTOR)
        pairs = [(seconds(TUTOR), seconds(EMPTY)) for _ in range(7)]
        ratio = statistics.median(tutor / empty for tutor, empty in pairs)
        tutor = statistics.median(pair[0] for pair in pairs)
        print(f"start to first paint and out: {tutor:.2f} s, {ratio:.2f} times an empty app")
        report = Path(home) / "memory"
        seconds(IDLE, str(report))
        peak_mb = int(report.read_text(encoding="utf-8")) / 1000
        print(f"the screen's process with the model loaded: {peak_mb:.0f} MB at most")


if __name__ == "__main__":
    main()
