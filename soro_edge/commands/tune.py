"""`soro tune`: measures this machine and keeps what suits it."""

import os

import click
import psutil

from soro_edge.bench.tune import Candidate, Machine, TuningReport, tune
from soro_edge.bench.turn import TurnMeasurement
from soro_edge.commands.program import Program
from soro_edge.engine.api import EngineOptions
from soro_edge.engine.hardware import free_memory_bytes
from soro_edge.engine.tuning import processor_name, write_tuning
from soro_edge.gguf_header import read_header
from soro_edge.locale import _
from soro_edge.memory import plan_memory
from soro_edge.models import check_memory
from soro_edge.paths import storage_error

_NAME_WIDTH = 22


def run_tune(program: Program, model: str) -> None:
    """Try, tell, keep. Raises SoroError."""
    manifest = program.manifest(model)
    path = program.models.check(manifest)
    check_memory(manifest, path, program.context_tokens(manifest))
    header, free_bytes = read_header(path), free_memory_bytes()
    machine = Machine(
        processor=processor_name(),
        cores=psutil.cpu_count(logical=False) or 1,
        logical_cores=os.cpu_count() or 1,
    )
    click.echo(
        _(
            "This takes half a minute on a quick computer and two minutes on a slow one. "
            "Let the computer do nothing else meanwhile."
        )
    )
    click.echo(
        _(
            "Seconds from a question to the end of its answer, in a short and in a long conversation:"
        )
    )

    def fits_memory(options: EngineOptions) -> bool:
        return plan_memory(header, options).total_bytes <= free_bytes

    report = tune(
        program.untuned_options(manifest),
        machine,
        TurnMeasurement(program.paths.engine_log),
        fits_memory=fits_memory,
        on_candidate=lambda candidate: click.echo(_line(candidate)),
    )
    write_tuning(program.paths.tuning_file, report.tuning)
    _tell_report(report)


def _line(candidate: Candidate) -> str:
    """A row of the table: the name, a short turn, a turn in a long conversation."""
    trial = candidate.trial
    long_seconds = f"{trial.long.seconds:>8.1f}" if trial.long else ""
    return f"{candidate.name:<{_NAME_WIDTH}} {trial.short.seconds:>8.1f}{long_seconds}".rstrip()


def _tell_report(report: TuningReport) -> None:
    click.echo(
        _("Kept for {processor}: {settings}; {seconds:.1f} s in all.").format(
            processor=report.tuning.processor,
            settings=_settings(report.winner),
            seconds=report.winner.trial.seconds,
        )
    )
    if report.runner_up:
        click.echo(
            _("The next best was {settings}: {seconds:.1f} s.").format(
                settings=_settings(report.runner_up), seconds=report.runner_up.trial.seconds
            )
        )
    for other in report.within_noise:
        click.echo(
            _(
                "{name} measured {percent:.0f} % quicker. On a computer that does other things too "
                "that can be chance, so it was not taken."
            ).format(name=other.name, percent=other.quicker_percent)
        )


def _settings(candidate: Candidate) -> str:
    """All that can be chosen, in one line."""
    options, trial = candidate.options, candidate.trial
    attention = _("flash attention") if trial.flash_attention else _("plain attention")
    return _("{threads} threads, batches of {batch}, {kv_cache_type} cache, {attention}").format(
        threads=options.threads,
        batch=options.prefill_batch_tokens,
        kv_cache_type=trial.kv_cache_type.value.upper(),
        attention=attention,
    )


def reset_tuning(program: Program) -> None:
    """Forget it: the program chooses by its rules again."""
    try:
        program.paths.tuning_file.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, program.paths.tuning_file) from error
    click.echo(_("Forgotten. The program chooses by itself again."))
