"""Breaks off a step of several threads that do not get their cores, so that fewer can do it again.

Pace learns from a step only when it has ended, and on cores that others have taken one step can last ten
seconds instead of half a one. A thread of ours looks at it now and then and compares the processor's
time with the clock's. Knows a clock and a flag, no llama.cpp.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LOOK_SECONDS = 0.1 if sys.platform == "win32" else 0.04
"""Between two looks: Windows counts a thread's time in ticks of 16 milliseconds."""


@dataclass(frozen=True, slots=True)
class _Step:
    threads: int
    wall_seconds: float
    processor_seconds: float
    """Both as they were at its start."""


def starved(*, threads: int, wall_seconds: float, processor_seconds: float) -> bool:
    """Whether fewer threads would certainly be done sooner: each had less than half a core."""
    return wall_seconds >= LOOK_SECONDS and processor_seconds < wall_seconds * threads / 2


class Watch:
    """Over one step at a time. `close` ends its thread."""

    def __init__(self, break_off: Callable[[], None]) -> None:
        self._break_off = break_off
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._step: _Step | None = None
        self._broken = self._closed = False
        threading.Thread(target=self._look_on, daemon=True, name="watch").start()

    def begin(self, threads):
        self._broken = False
        if threads > 1:
            with self._lock:
                self._step = _Step(threads, time.perf_counter(), time.process_time())
            if not self._wanted.is_set():
                self._wanted.set()

    def end(self) -> bool:
        with self._lock:
            self._step = None
        return self._broken

    def _look_on(self) -> None:
        seen = None
        while True:
            self._wanted.wait()
            time.sleep(LOOK_SECONDS)
            with self._lock:
                step = self._step
                if step is None:
                    self._wanted.clear()
                elif not self._broken and starved(
                    threads=step.threads,
                    wall_seconds=time.perf_counter() - step.wall_seconds,
                    processor_seconds=time.process_time() - step.processor_seconds,
                ):
                    self._broken = True
                    self._break_off()
