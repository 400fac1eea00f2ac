"""One step of the model after the other, each with as many threads as have a core of their own.

A step that was broken off because its threads starved is done again with fewer: at most once less than
there were threads. Knows how to count threads and how to break off, no llama.cpp.
"""

from collections.abc import Callable
from typing import Protocol

from soro_edge.engine.pace import Pace
from soro_edge.engine.watch import Clocks, Watch, clocks


class Breaking(Protocol):
    """The means to break a step off."""

    def break_off(self) -> None:
        """Let the present step end at once, in vain; called from a thread of its own."""

    def go_on(self) -> None:
        """Take that back."""


class Steps:
    """Of one loaded model, watched between `open` and `close`."""

    def __init__(
        self,
        use_threads: Callable[[int, int], None],
        breaking: Breaking,
        *,
        writing_threads: int,
        reading_threads: int,
        read_clocks: Callable[[], Clocks] = clocks,
    ) -> None:
        self._use_threads = use_threads
        self._breaking = breaking
        self._writing, self._reading = Pace(writing_threads), Pace(reading_threads)
        self.watch = Watch(breaking.break_off, read_clocks)

    def open(self) -> None:
        """Watch them; one thread alone needs it not."""
        if max(self._writing.threads, self._reading.threads) > 1:
            self.watch.open()

    def close(self) -> None:
        """May be called twice."""
        self.watch.close()

    def do(self, compute: Callable[[], bool], *, tokens: int) -> bool:
        """A step of so many tokens: one is written, more are read. `compute` says whether it was
        done; False is answered where it was stopped, and not by us."""
        pace = self._writing if tokens == 1 else self._reading
        while True:
            before = self._writing.threads, self._reading.threads
            self.watch.begin(pace.threads)
            try:
                done = compute()
            finally:
                (wall, processor), broken_off = self.watch.end()
                if broken_off:
                    self._breaking.go_on()
            if broken_off:
                pace.starved(wall_seconds=wall, processor_seconds=processor)
                for one in (self._writing, self._reading):
                    one.at_most(pace.threads)
            else:
                pace.took(wall_seconds=wall, processor_seconds=processor)
            if (self._writing.threads, self._reading.threads) != before:
                self._use_threads(self._writing.threads, self._reading.threads)
            if done or not broken_off:
                return done
