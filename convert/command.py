"""`soro convert` at its edge: what soro_edge's command line calls, and all that it knows of this package."""

from collections.abc import Callable

from convert.options import ConversionOptions
from convert.pipeline import convert
from convert.progress import Progress


def run(
    options: ConversionOptions, progress: Progress, *, as_json: bool, write: Callable[[str], None]
) -> None:
    """Convert, and `write` the report to standard output. Raises ConversionError."""
    report = convert(options, progress)
    write(report.json() if as_json else "\n".join(report.lines()) + "\n")
