"""`soro convert` at its edge: what soro_edge's command line calls, and all that it knows of this package."""

from convert.calibrate.conversations import ChatTemplates
from convert.options import ConversionOptions
from convert.pipeline import convert
from convert.progress import Progress
from convert.report.report import next_steps


def run(
    options: ConversionOptions, progress: Progress, templates: ChatTemplates, *, as_json: bool
) -> str:
    """Convert, and return the report for standard output. Raises ConversionError."""
    report = convert(options, progress, templates)
    if as_json:
        return report.json()
    return "\n".join((*report.lines(), *next_steps(options.output))) + "\n"
