"""The model maker's progress bar on stderr: what is done, how far, how long it still takes."""

import sys
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class Bar:
    """One line where stderr is a terminal, nothing elsewhere; a context manager."""

    def __init__(self, *, counted: bool = True) -> None:
        """`counted`: items are told, 3/10; per cent otherwise."""
        self._bars = Progress(
            TextColumn("{task.description:<20}" if counted else "{task.description:<36}"),
            BarColumn(),
            MofNCompleteColumn() if counted else TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
            # Some items take a minute: what a short while tells says nothing.
            speed_estimate_period=600,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()

    def begin(self, what: str, total: float, done: int = 0) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, total=total or None, completed=done)

    def advance(self, amount: float) -> None:
        if self._task is not None:
            self._bars.advance(self._task, amount)
