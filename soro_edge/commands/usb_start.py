"""`soro usb start`: what a double click on the stick opens: a short list of numbers, in Tajik."""

import os
import subprocess
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path

import click

from soro_edge import locale
from soro_edge.commands.confirm import typed_line
from soro_edge.commands.machine_page import run_machine_page
from soro_edge.commands.program import Program
from soro_edge.commands.usb_install import (
    agrees_to_remove,
    find_stick,
    run_back,
    run_check,
    run_install,
    run_remove,
)
from soro_edge.engine.hardware import is_below_avx2, total_memory_bytes
from soro_edge.errors import SoroError
from soro_edge.locale import _
from soro_edge.paths import PORTABLE_FOLDER
from soro_edge.stick.choosing import choose_model, files_for, runnable_from_stick
from soro_edge.stick.errors import StickReadOnly, StickUnreadable
from soro_edge.stick.installed import running_installation
from soro_edge.stick.installing import check_key
from soro_edge.stick.manifest import Group
from soro_edge.stick.program import clean_environment
from soro_edge.stick.reading import FOLDER, Stick, open_stick, this_system

_LANGUAGES = {"7": "tg", "8": "ru", "9": "en"}
_INTERRUPTED = 130
_DELETES_NOTHING_THAT_RUNS = os.name == "nt"
REMOVED_BY_STICK = 11
"""Exit code: a person agreed to the removal, and the stick's program is to do it. On Windows no program
deletes itself; START-WINDOWS.cmd knows the number."""


def run_start(program: Program, stick: Path | None) -> int:
    """Ask until a person leaves; the exit code of what was done last."""
    root = find_stick(stick)
    code = 0
    while True:
        _show_choices()
        click.echo(f"{_('Number, then Enter')}: ", nl=False)
        try:
            given = typed_line()
        except KeyboardInterrupt:
            given = ""
        click.echo()
        chosen = _number(given)
        if chosen == "0" or not given:
            # Also after Ctrl-C, Ctrl-D and in a closed window: nothing is under way here.
            return code
        if chosen in _LANGUAGES:
            locale.use(_LANGUAGES[chosen])
            continue
        code = _do(program, root, chosen)
        if code == REMOVED_BY_STICK or not Path(sys.executable).exists():
            # What runs here is to be deleted, or was.
            return code


def _number(given: str) -> str:
    """The digit in what a person typed, in any script's digits; empty where there is no one."""
    digits = [unicodedata.decimal(letter) for letter in given if letter.isdecimal()]
    return str(digits[0]) if len(digits) == 1 else ""


def make_portable(root: Path) -> Path:
    """The folder on the stick for what pupils write. Raises StickReadOnly."""
    folder = root / FOLDER / PORTABLE_FOLDER
    trial = folder / ".trial"
    try:
        folder.mkdir(exist_ok=True)
        trial.write_bytes(b"soro")
        trial.unlink()
    except OSError as error:
        raise StickReadOnly(reason=error.strerror or str(error)) from error
    return folder


def _show_choices() -> None:
    click.echo()
    for number, words in (
        ("1", _("install Soro on this computer, or update it")),
        ("2", _("use Soro from the stick, without installing")),
        ("3", _("check the stick")),
        ("4", _("go back to the version before the last update")),
        ("5", _("write a page about this computer to the stick")),
        ("6", _("remove Soro from this computer")),
        ("7", "тоҷикӣ"),
        ("8", "русский"),
        ("9", "English"),
        ("0", _("leave")),
    ):
        click.echo(f"  {number}  {words}")


def _do(program: Program, root: Path, chosen: str) -> int:
    """One choice; its errors are told, and the list comes again."""
    try:
        match chosen:
            case "1":
                run_install(program, root, None, model="", no_tune=False, no_menu=False)
            case "2":
                return _use_from_stick(root)
            case "3":
                run_check(program, root)
            case "4":
                run_back(program, None)
            case "5":
                return run_machine_page(program, root)
            case "6":
                return _remove(program, root)
            case _:
                click.echo(_("Write one of the numbers and press Enter."))
    except SoroError as error:
        click.echo(f"{error}\n{error.advice}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\n" + _("Stopped. Nothing is half done: choose the number again to go on."))
        return _INTERRUPTED
    return 0


def _remove(program: Program, root: Path) -> int:
    """Raises NotInstalled, StillRunning, InstallationBusy, StorageError."""
    if not _DELETES_NOTHING_THAT_RUNS or running_installation() is None:
        run_remove(program, None, sure=False)
        return 0
    if not agrees_to_remove(program, None):
        return 0
    # It is run next, so it must be the one that was signed.
    _sticks_program(open_stick(root))
    return REMOVED_BY_STICK


def _use_from_stick(root: Path) -> int:
    """The tutor, with its data on the stick, until it is closed."""
    stick = open_stick(root)
    model = choose_model(
        runnable_from_stick(stick.manifest),
        "",
        total_memory_bytes(),
        below_avx2=is_below_avx2(),
    )
    program = _sticks_program(stick)
    for file in stick.manifest.of(Group.MODEL):
        # It names the hash of the weights, which the program itself compares.
        if model and file.model == model.name and file.path.endswith(".toml"):
            stick.check_file(file, lambda count: None)
    make_portable(root)
    environ = clean_environment()
    if model:
        environ["SORO_MODEL"] = model.name
    # Ctrl-C is the tutor's own.
    try:
        with suppress(KeyboardInterrupt):
            return subprocess.run(program, env=environ).returncode
    except OSError as error:
        raise StickUnreadable(path=program[0], reason=error.strerror or str(error)) from error
    return 0


def _sticks_program(stick: Stick) -> list[str]:
    """This program, where it is the stick's. An installed one, which trusts one maker, has the stick's
    run: it finds the stick's models and what pupils wrote there.

    Raises UntrustedStick, StickDamaged, WrongComputer.
    """
    if not getattr(sys, "frozen", False):
        return [sys.executable, "-m", "soro_edge.cli"]
    installation = running_installation()
    if installation is None:
        return [sys.executable]
    check_key(stick, installation.installed())
    program = ""
    for file in files_for(stick.manifest, this_system(), None):
        stick.check_file(file, lambda count: None)
        if file.target in ("soro/soro", "soro/soro.exe"):
            program = str(stick.sources(file)[0])
    return [program]
