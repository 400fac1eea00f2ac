"""`soro bench`: says what is measured while it is, then prints the table or the JSON."""

import shutil
import sys
import time

import click

from soro_edge.bench.report import STEPS, measure, others_share
from soro_edge.bench.table import BUSY_SHARE, table_lines
from soro_edge.commands.program import Program
from soro_edge.locale import _
from soro_edge.models import check_memory


def run_bench(program: Program, model: str, *, as_json: bool, rounds: int) -> None:
    """Raises SoroError."""
    manifest = program.manifest(model)
    path = program.models.check(manifest)
    check_memory(manifest, path, program.context_tokens(manifest))
    if others_share() > BUSY_SHARE:
        words = _(
            "Other programs keep the processor busy: close them, or it takes long and says little."
        )
        click.echo(words, err=True)
    with _Progress(rounds) as progress:
        report = measure(
            program.engine_options(manifest), program.paths, rounds=rounds, tell=progress.tell
        )
    click.echo(report.as_json() if as_json else "\n".join(table_lines(report)))


class _Progress:
    """One line on stderr that says what is under way; where that is no terminal, a line each."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._began = time.monotonic()
        self._rewrites = sys.stderr.isatty()
        self._shown = ""

    def __enter__(self) -> "_Progress":
        # Most of it is the lesson: five answers, and a question typed at a person's pace.
        words = _("This takes about a minute for each round. Let the computer rest meanwhile.")
        click.echo(words, err=True)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._rewrites:
            self._show("")
            click.echo("\r", nl=False, err=True)

    def tell(self, number: int, step: int) -> None:
        words = _("round {number} of {rounds}: {step}").format(
            number=number + 1, rounds=self._rounds, step=_(STEPS[step])
        )
        if number:
            passed = time.monotonic() - self._began
            share = (number + step / len(STEPS)) / self._rounds
            words = f"{words}, {_minutes_left(passed / share - passed)}"
        if self._rewrites:
            self._show(words[: shutil.get_terminal_size().columns - 1])
        else:
            click.echo(words, err=True)

    def _show(self, words: str) -> None:
        # Without escape sequences, which old consoles print as they are.
        click.echo("\r" + words.ljust(len(self._shown)), nl=False, err=True)
        self._shown = words


def _minutes_left(seconds: float) -> str:
    return _("about {minutes} min left").format(minutes=max(1, round(seconds / 60)))
