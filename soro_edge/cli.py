"""The command `soro`: parses, hands over to a command's module, renders errors.

stdout carries the answer, stderr the rest. Exit codes: 0 done; 1 a fault of the program; 2 wrong usage
or setting; 3 model; 4 question; 5 engine; 6 storage; 7 unusable answer; 8 conversion;
9 evaluation; 10 stick; 130 interrupted.
"""

import contextlib
import errno
import io
import os
import signal
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from soro_edge import __version__, locale
from soro_edge.commands.groups.evaluation import evaluate
from soro_edge.commands.groups.history import history
from soro_edge.commands.groups.makers import convert
from soro_edge.commands.groups.models import models
from soro_edge.commands.groups.spoken import SpokenOption, argument, group, option
from soro_edge.commands.groups.usb import usb
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.errors import BadOption, DiskFull, SettingsError, SoroError, TooManyOpenFiles
from soro_edge.files import make_private_folder, open_private
from soro_edge.locale import _
from soro_edge.paths import find_paths, keep_private, storage_error
from soro_edge.settings import examine_settings

INTERRUPTED = 130


def main() -> NoReturn:
    """The entry point: runs a command, turns errors into sentences and exit codes."""
    # Closed before we began (`<&-`, `>&-`): nothing is read, what is printed goes nowhere.
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # An old console's code page must not end the program; unknown letters become `?`.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    try:
        code = _run()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise
        # Whoever read our output has gone: the next program of a pipe, or the terminal.
        _write_nowhere()
        code = INTERRUPTED if error.errno == errno.EIO else 0
    except SystemExit:
        # How click answers to the same, and to nothing else; its code would mean a fault.
        _write_nowhere()
        code = 0
    sys.exit(code)


def _run() -> int:
    """The command that the arguments name; its exit code, after its errors are shown."""
    _speak()
    try:
        code = soro.main(standalone_mode=False)
    except SoroError as error:
        show_error(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo(err=True)
        return INTERRUPTED
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.EIO):
            raise
        told = storage_error(error, Path(error.filename or "stdout"))
        if isinstance(told, TooManyOpenFiles):
            show_error(told)
            return told.exit_code
        return _show_full(told) if isinstance(told, DiskFull) else _show_fault()
    except Exception:  # noqa: BLE001 the CLI's edge: a person gets a sentence, the log the rest
        return _show_fault()
    return code if isinstance(code, int) else 0


def _speak() -> None:
    """In the language of the variable or the file, for what is wrong before a command begins."""
    locale.use(examine_settings(find_paths().settings_file).settings.language)


def _speak_as_told(_context: click.Context, _option: click.Parameter, value: str | None) -> Any:
    if value in locale.LANGUAGES:
        locale.use(value)
    return value


def _show_fault() -> int:
    """A fault of the program itself: the sentence on stderr, the traceback into a file."""
    import traceback

    fault = SoroError()
    show_error(fault)
    file = find_paths().logs / "fault.log"
    with contextlib.suppress(OSError):
        make_private_folder(file.parent)
        with open_private(file) as stream:
            stream.write(traceback.format_exc().encode("utf-8", "replace"))
        click.echo(str(file), err=True)
    return fault.exit_code


def _show_full(full: DiskFull) -> int:
    """What is printed goes to a full disk."""
    show_error(full)
    _write_nowhere()
    return full.exit_code


def _write_nowhere() -> None:
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(nowhere, number)


def show_error(error: SoroError) -> None:
    """One sentence, one hint, on stderr."""
    label = click.style(_("error"), fg="red", bold=True)
    click.echo(f"{label}: {error}", err=True)
    click.echo("\n" + _("hint") + ": " + error.advice, err=True)


def _interrupt(_number: int, _frame: types.FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, message="soro %(version)s", cls=SpokenOption, help="Show the version and exit."
)
@option(
    "--language",
    is_eager=True,
    callback=_speak_as_told,
    help="Language of the interface: tg, ru or en.",
)
@option("--profile", help="Whose history to use.")
@option("--model", help="Name of the model, see `soro models list`; or a GGUF file.")
@click.pass_context
def soro(
    context: click.Context, language: str | None, profile: str | None, model: str | None
) -> None:
    """Soro Edge: an offline tutor in Tajik. Without a command it opens the tutor.

    Exit codes: 0 done, 1 fault of the program, 2 wrong usage or setting, 3 model, 4 question, 5 engine,
    6 storage, 7 unusable answer, 8 conversion, 9 evaluation, 10 stick, 130 interrupted.
    """
    paths = find_paths()
    options = {"language": language, "profile": profile, "model": model}
    reading = examine_settings(paths.settings_file, options=options)
    locale.use(reading.settings.language)
    _tell_faults(context, reading.faults)
    keep_private(paths)
    context.obj = Program(paths=paths, settings=reading.settings, faults=reading.faults)
    if context.invoked_subcommand is None:
        from soro_edge.commands.tutor import run_tutor

        context.exit(run_tutor(context.obj))


def _tell_faults(context: click.Context, faults: Sequence[SettingsError]) -> None:
    """Raises the first SettingsError, unless the command helps a person to find it, or needs no settings."""
    name = context.invoked_subcommand
    command = soro.commands.get(name) if name else None
    for fault in faults:
        if isinstance(fault, BadOption) or not getattr(command, "bears_bad_settings", False):
            raise fault
        if name != "doctor":  # which has a line for it
            show_error(fault)


def answer_options(command: Any) -> Any:
    """The options that `ask` and `chat` share."""
    for decorate in (
        option("--seed", type=int, help="Same seed, same answer."),
        option(
            "--temperature",
            type=click.FloatRange(0, 5),
            help="0 is greedy: always the likeliest token.",
        ),
        option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens."),
        option("--system", help="What the model is told before the conversation."),
        option(
            "--model", default="", help="Name of the model, see `soro models list`; or a GGUF file."
        ),
    ):
        command = decorate(command)
    return command


@soro.command()
@argument("question", nargs=-1)
@answer_options
@option("--json", "as_json", is_flag=True, help="Print one JSON object: text, token counts, times.")
@option("--no-history", is_flag=True, help="Do not store this conversation.")
@click.pass_obj
def ask(
    program: Program, /, question: tuple[str, ...], as_json: bool, no_history: bool, **answer: Any
) -> int:
    """Answer one QUESTION. Without QUESTION, standard input is the question."""
    from soro_edge.commands.ask import run_ask

    return run_ask(
        program, " ".join(question), AnswerOptions(**answer), as_json=as_json, keep=not no_history
    )


@soro.command()
@answer_options
@click.pass_obj
def chat(program: Program, /, **answer: Any) -> int:
    """Talk line by line, on old consoles and with screen readers."""
    from soro_edge.commands.chat import run_chat

    return run_chat(program, AnswerOptions(**answer))


@soro.command(bears_bad_settings=True)
@option(
    "--to-stick", type=click.Path(path_type=Path), help="Write a page about it into this folder."
)
@click.pass_obj
def doctor(program: Program, to_stick: Path | None) -> int:
    """Check this computer and the program. One real token is generated."""
    if to_stick:
        from soro_edge.commands.machine_page import run_machine_page

        return run_machine_page(program, to_stick.absolute())
    from soro_edge.commands.doctor import run_doctor

    return run_doctor(program)


@soro.command("tune")
@option("--model", default="", help="Name of the model, see `soro models list`; or a GGUF file.")
@option("--reset", is_flag=True, help="Forget what was measured.")
@click.pass_obj
def tune_machine(program: Program, model: str, reset: bool) -> None:
    """Measure for a minute what suits this computer, and keep that.

    Tried are the number of threads, the batch and the way of loading.
    """
    from soro_edge.commands import tune

    if reset:
        tune.reset_tuning(program)
    else:
        tune.run_tune(program, model)


@soro.command(bears_bad_settings=True)
@click.pass_obj
def paths(program: Program) -> None:
    """Print where history, models, settings and logs lie."""
    from soro_edge.commands.paths import run_paths

    run_paths(program)


@soro.command()
@option("--model", default="", help="Name of the model, see `soro models list`; or a GGUF file.")
@option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@option("--rounds", default=3, show_default=True, type=click.IntRange(min=1), help="Pairs of runs.")
@click.pass_obj
def bench(program: Program, model: str, as_json: bool, rounds: int) -> None:
    """Measure the speed here. Each figure is paired with the bare C API in the same run."""
    from soro_edge.commands.bench import run_bench

    run_bench(program, model, rounds=rounds, as_json=as_json)


for part in (history, models, convert, evaluate, usb):
    soro.add_command(part)


if __name__ == "__main__":
    main()
