"""Breaks off a step whose threads do not get their cores, so that fewer can do it again.

`Pace` learns from a step that has ended, and on cores that others hold a single one can take ten seconds
instead of half a one. A thread looks at it meanwhile. Knows clocks, no llama.cpp.
"""

import sys
import threading
import time
from collections.abc import Callable

from soro_edge.engine.pace import starved

LOOK_SECONDS = 0.1 if sys.platform == "win32" else 0.04
"""To the first look: Windows counts a thread's time in ticks of 16 milliseconds."""
LONGEST_LOOK_SECONDS = 8 * LOOK_SECONDS
"""To a later one: each takes a core for a moment, and mostly finds that all is well."""

Clocks = tuple[float, float]
"""Seconds of the wall, and of the processor for all threads of this process together."""


def clocks() -> Clocks:
    return time.perf_counter(), time.process_time()


class Watch:
    """Over one step at a time: `begin`, compute, `end`. Looks by itself between `open` and `close`."""

    def __init__(
        self, break_off: Callable[[], None], read_clocks: Callable[[], Clocks] = clocks
    ) -> None:
        self._break_off = break_off
        self._clocks = read_clocks
        # Held while a step is broken off: it must not be the next one.
        self._lock = threading.Lock()
        self._under_way = threading.Event()
        self._closed = threading.Event()
        self._threads = 0
        self._began: Clocks = 0.0, 0.0
        self._broken_off = False
        self._thread: threading.Thread | None = None

    def begin(self, threads: int) -> None:
        """A step of so many threads begins; one alone is not watched."""
        with self._lock:
            self._threads, self._broken_off, self._began = threads, False, self._clocks()
            if threads > 1:
                self._under_way.set()

    def end(self) -> tuple[Clocks, bool]:
        """How long the step was, and whether it was broken off: then that holds until it is taken back."""
        with self._lock:
            took = self._took()
            self._threads = 0
            return took, self._broken_off

    def look(self) -> None:
        """Break the step off where its threads starve."""
        with self._lock:
            if self._threads < 2 or self._broken_off:
                self._under_way.clear()
                return
            wall, processor = self._took()
            if starved(self._threads, wall_seconds=wall, processor_seconds=processor):
                self._broken_off = True
                self._break_off()

    def open(self) -> None:
        self._closed.clear()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """May be called twice."""
        self._closed.set()
        self._under_way.set()
        if self._thread is not None:
            self._thread.join()

    def _took(self) -> Clocks:
        wall, processor = self._clocks()
        return wall - self._began[0], processor - self._began[1]

    def _look_on(self) -> None:
        pause = LOOK_SECONDS
        while not self._closed.is_set():
            if not self._under_way.is_set():
                self._under_way.wait()
                pause = LOOK_SECONDS
            if not self._closed.wait(pause):
                self.look()
                pause = min(2 * pause, LONGEST_LOOK_SECONDS)
