"""How far a loading is, for people: megabytes and seconds left. Knows fractions and a clock, no engine."""

import time
from collections.abc import Callable

from soro_edge.locale import _

TELL_AFTER_SECONDS = 1.0
"""Before that the speed is a guess."""


class LoadingProgress:
    """Of one loading, from its first fraction on."""

    def __init__(self, total_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total_bytes = total_bytes
        self._clock = clock
        self._began: tuple[float, float] | None = None

    def line(self, fraction: float) -> str:
        """«120 of 434 MB, 6 s left»; empty where the size is not known."""
        now = self._clock()
        if self._began is None or fraction < self._began[1]:
            self._began = now, fraction
        if not self._total_bytes:
            return ""
        megabytes = self._total_bytes / 1e6
        done = _("{done:.0f} of {total:.0f} MB").format(done=fraction * megabytes, total=megabytes)
        spent, read = now - self._began[0], fraction - self._began[1]
        if spent < TELL_AFTER_SECONDS or read <= 0:
            return done
        left = spent / read * (1 - fraction)
        return done + ", " + _("{seconds:.0f} s left").format(seconds=left)
