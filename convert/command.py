"""`soro convert` at its edge: a progress bar while it works, the report at the end.

soro_edge's command line calls `run`, and knows nothing else of this package.
"""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from convert.options import ConversionOptions
from convert.pipeline import convert
from convert.progress import Silent


class _Bar:
    """One line on stderr: what, how far, time left."""

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("{task.description:<36}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, what: str, total: float) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, total=total)

    def advance(self, amount: float) -> None:
        if self._task is not None:
            self._bars.advance(self._task, amount)


def run(options: ConversionOptions, *, as_json: bool, write: Callable[[str], None]) -> None:
    """Convert, and `write` the report to standard output. Raises ConversionError."""
    if sys.stderr.isatty():
        with _Bar() as bar:
            report = convert(options, bar)
    else:
        report = convert(options, Silent())
    write(report.json() if as_json else "\n".join(report.lines()) + "\n")
