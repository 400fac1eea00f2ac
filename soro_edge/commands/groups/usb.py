"""`soro usb …`: the commands; each is handed over to the module that does it."""

from pathlib import Path
from typing import Any

import click

from soro_edge.commands.groups.spoken import argument, group, option
from soro_edge.commands.program import Program

_STICK = argument("stick", required=False, type=click.Path(path_type=Path))
_TO = option(
    "--to",
    type=click.Path(path_type=Path),
    help="The installation's folder; the usual one otherwise.",
)


@group(bears_bad_settings=True)
def usb() -> None:
    """Make, check and install sticks; update and go back."""


@usb.command()
@argument("directory", type=click.Path(path_type=Path))
@option("--model", "models", multiple=True, type=click.Path(path_type=Path), help="A GGUF file.")
@option(
    "--bank", "banks", multiple=True, type=click.Path(path_type=Path), help="A file of questions."
)
@option(
    "--linux",
    type=click.Path(path_type=Path),
    default="dist/linux/soro",
    show_default=True,
    help="The program for Linux.",
)
@option(
    "--windows",
    type=click.Path(path_type=Path),
    default="dist/windows/soro",
    show_default=True,
    help="The program for Windows.",
)
@option(
    "--without",
    multiple=True,
    type=click.Choice(["linux", "windows", "model"]),
    help="Leave a program out, or all models.",
)
@option("--key", type=click.Path(path_type=Path), help="The maker's secret key.")
@option(
    "--release",
    type=click.IntRange(min=0),
    default=0,
    help="Number of the release; 0 takes the time.",
)
@click.pass_obj
def make(program: Program, /, directory: Path, **options: Any) -> None:
    """Write a stick into DIRECTORY, sign it, and read it back."""
    from soro_edge.commands.usb_make import run_make

    run_make(program, directory, **options)


@usb.command()
@option("--key", type=click.Path(path_type=Path), help="Where to keep it.")
@option("--no-passphrase", is_flag=True, help="Whoever has the file can sign.")
@click.pass_obj
def keygen(program: Program, key: Path | None, no_passphrase: bool) -> None:
    """Make the maker's key, once. With it every stick is signed."""
    from soro_edge.commands.usb_make import run_keygen

    run_keygen(program, key, sealed=not no_passphrase)


@usb.command()
@_STICK
@click.pass_obj
def check(program: Program, stick: Path | None) -> None:
    """Read all of STICK and compare it with its signed list."""
    from soro_edge.commands.usb_install import run_check

    run_check(program, stick)


@usb.command()
@_STICK
@_TO
@option("--model", default="", help="Name of the model; the one that suits otherwise.")
@option("--no-tune", is_flag=True, help="Do not measure this computer at the end.")
@option("--no-menu", is_flag=True, help="No entry in the menu.")
@click.pass_obj
def install(program: Program, /, stick: Path | None, to: Path | None, **options: Any) -> None:
    """Install from STICK, or update.

    What ran before stays until the new version has answered.
    """
    from soro_edge.commands.usb_install import run_install

    run_install(program, stick, to, **options)


@usb.command()
@_TO
@click.pass_obj
def back(program: Program, to: Path | None) -> None:
    """Let the version before run again. Nothing that pupils wrote is lost."""
    from soro_edge.commands.usb_install import run_back

    run_back(program, to)


@usb.command()
@_TO
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(program: Program, to: Path | None, yes: bool) -> None:
    """Delete the installed program. Pupils' work stays."""
    from soro_edge.commands.usb_install import run_remove

    run_remove(program, to, sure=yes)


@usb.command()
@_STICK
@click.pass_obj
def start(program: Program, stick: Path | None) -> int:
    """Ask what to do with STICK. A double click on it opens this."""
    from soro_edge.commands.usb_start import run_start

    return run_start(program, stick)


@usb.command(hidden=True)
def facts() -> None:
    """What an installation must know of this version, as JSON."""
    from soro_edge.commands.usb_prepare import run_facts

    run_facts()


@usb.command(hidden=True)
@click.pass_obj
def prepare(program: Program) -> None:
    """The end of an installation: measure this computer, read the model's first words ahead."""
    from soro_edge.commands.usb_prepare import run_prepare

    run_prepare(program)
