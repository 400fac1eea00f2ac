"""`soro tune`: measures this machine and keeps what suits it."""

import os

import click
import psutil

from soro_edge.bench.trial import Trial, run_trial
from soro_edge.bench.tune import Machine, tune
from soro_edge.commands.program import Program
from soro_edge.engine.api import EngineOptions
from soro_edge.engine.tuning import processor_name, write_tuning
from soro_edge.locale import _
from soro_edge.models import check_memory
from soro_edge.paths import storage_error


def run_tune(program: Program, model: str) -> None:
    """Try, tell, keep. Raises SoroError."""
    manifest = program.manifest(model)
    path = program.models.check(manifest)
    check_memory(manifest, path, program.context_tokens(manifest))
    machine = Machine(
        processor=processor_name(),
        cores=psutil.cpu_count(logical=False) or 1,
        logical_cores=os.cpu_count() or 1,
    )
    click.echo(_("This takes about a minute. Let the computer do nothing else meanwhile."))

    def attempt(options: EngineOptions) -> Trial:
        return run_trial(options, program.paths.engine_log)

    def tell(name: str, trial: Trial) -> None:
        click.echo(
            f"{name:<16} {trial.tokens_per_second:>7.1f} {trial.prefill_tokens_per_second:>8.1f}"
        )

    writing, reading = _("writing"), _("reading")
    click.echo(f"{'':<16} {writing:>7} {reading:>8}  " + _("tokens a second"))
    tuning = tune(program.untuned_options(manifest), machine, attempt, tell)
    write_tuning(program.paths.tuning_file, tuning)
    click.echo(
        _("Kept for {processor}: {threads} threads, batches of {batch}.").format(
            processor=tuning.processor, threads=tuning.threads, batch=tuning.prefill_batch_tokens
        )
    )


def reset_tuning(program: Program) -> None:
    """Forget it: the program chooses by its rules again."""
    try:
        program.paths.tuning_file.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, program.paths.tuning_file) from error
    click.echo(_("Forgotten. The program chooses by itself again."))
