"""How many threads compute the next step: all of them, or fewer while other programs hold the cores.

ggml's threads wait for each other by spinning. One that has lost its core to a virus scanner lets the
others burn theirs: two threads on two busy cores were ten to thirty times slower than one. What a step
takes by the clock and by the processor shows it at once. Knows times and counts, no model.
"""

import sys
from dataclasses import dataclass, field

WINDOW_SECONDS = 0.6 if sys.platform == "win32" else 0.2
"""Looked at together: Windows counts a thread's time in ticks of 16 milliseconds."""
LEAST_MISSING_CORES = 0.45
"""What is missing must be clear: a part of each step is done by one thread while the others sleep."""
STARVING_CORES = 0.75
"""So much is missing where two threads share a core: all of them then wait for those two, in turn."""
ALONE_SECONDS = 0.008
"""Of each step, what one thread does before the others are awake."""
FIRST_REST_SECONDS, LAST_REST_SECONDS = 1.0, 16.0
"""Before a thread more is tried again; twice as long after each try in vain."""


@dataclass(slots=True)
class Pace:
    """Call `took` after each step, and compute the next one with `threads`."""

    most: int
    """Threads when the cores are ours."""
    threads: int = field(init=False)
    """For the next step."""
    _wall_seconds: float = 0.0
    _processor_seconds: float = 0.0
    _rest_seconds: float = 0.0
    """Until a thread more is tried."""
    _patience_seconds: float = FIRST_REST_SECONDS
    _trying: bool = False

    def __post_init__(self) -> None:
        self.threads = self.most

    def took(self, *, wall_seconds: float, processor_seconds: float) -> None:
        """A step was this long; the processor's time is that of all threads together."""
        self._wall_seconds += wall_seconds
        self._processor_seconds += processor_seconds
        if self._wall_seconds < WINDOW_SECONDS or self.most == 1:
            return
        cores, seconds = self._processor_seconds / self._wall_seconds, self._wall_seconds
        self._wall_seconds = self._processor_seconds = 0.0
        if cores < _worth_it(self.threads):
            self._step_down(self.threads - 1)
        elif self._trying:
            self._trying, self._patience_seconds = False, FIRST_REST_SECONDS
            self._rest_seconds = 0.0
        elif self.threads < self.most:
            self._rest_seconds -= seconds
            if self._rest_seconds <= 0:
                self.threads, self._trying = self.threads + 1, True

    def starved(self, *, wall_seconds: float, processor_seconds: float) -> None:
        """A step of these threads was broken off after so long: at least one thread goes."""
        self.at_most(min(self.threads - 1, round(processor_seconds / wall_seconds)))

    def at_most(self, threads: int) -> None:
        """No more than these, for a while; but one."""
        if max(1, threads) < self.threads:
            self._wall_seconds = self._processor_seconds = 0.0
            self._step_down(max(1, threads))

    def _step_down(self, threads: int) -> None:
        if self._trying:
            self._patience_seconds = min(2 * self._patience_seconds, LAST_REST_SECONDS)
        self.threads, self._trying = threads, False
        self._rest_seconds = self._patience_seconds


def starved(threads: int, *, wall_seconds: float, processor_seconds: float) -> bool:
    """Whether a step that so many threads have computed for so long should be begun anew with fewer.

    Of its whole time: what was done before the cores were lost must not be thrown away too lightly.
    """
    had = processor_seconds + (threads - 1) * ALONE_SECONDS
    return had < (threads - STARVING_CORES) * wall_seconds


def _worth_it(threads: int) -> float:
    """Cores that `threads` must really have had, or one thread less is as quick.

    All of n threads get on only while all of them run. With c cores that is a share c - (n - 1) of the
    time, so n threads do n (c - n + 1), and one less does n - 1.
    """
    return min((threads - 1) * (1 + 1 / threads), threads - LEAST_MISSING_CORES)
