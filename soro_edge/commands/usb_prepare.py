"""What an installation asks of the version that it installed, as a process of its own."""

import json
import time
from pathlib import Path

import click

from soro_edge import __version__
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.commands.tune import run_tune
from soro_edge.engine.api import Text
from soro_edge.engine.states import WORTH_READING_TOKENS
from soro_edge.engine.tuning import read_tuning
from soro_edge.models import check_memory

_READ_AHEAD_SECONDS = 60.0


def run_facts() -> None:
    from soro_edge.history.older import history_steps

    click.echo(json.dumps({"version": __version__, "history_steps": history_steps()}))


def run_prepare(program: Program) -> None:
    """Raises SoroError."""
    if read_tuning(program.paths.tuning_file) is None:
        run_tune(program, "")
    _read_first_words(program)


def _read_first_words(program: Program) -> None:
    """What every conversation begins with is read once, and its state kept on the disk."""
    from soro_edge.chat.memory_log import MemoryLog
    from soro_edge.chat.session import ChatSession

    manifest = program.manifest()
    path = program.models.check(manifest)
    check_memory(manifest, path, program.context_tokens(manifest))
    options = program.chat_options(manifest, AnswerOptions())
    if not options.system:
        return
    engine = program.engine(manifest)
    try:
        engine.load()
        before = _states(program.paths.states_folder)
        ChatSession(engine=engine, log=MemoryLog(), options=options).prepare()
        # The engine tells nobody when it has read ahead: the file does. A short text gets none.
        until = time.monotonic() + _READ_AHEAD_SECONDS
        [tokens] = engine.count_tokens([(Text(options.system),)])
        while tokens >= WORTH_READING_TOKENS and time.monotonic() < until:
            if _states(program.paths.states_folder) != before:
                break
            time.sleep(0.2)
    finally:
        engine.close()


def _states(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.state")}
