"""The words of `soro models …`."""

from pathlib import Path

import click

from soro_edge.commands.program import Program


@click.group()
def models() -> None:
    """List, add and check models."""


@models.command("list")
@click.pass_obj
def models_list(program: Program) -> None:
    """List the models and whether their files are here."""
    from soro_edge.commands import models

    models.list_models(program)


@models.command("add")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name for the model; the file's own otherwise.")
@click.pass_obj
def models_add(program: Program, file: Path, name: str) -> None:
    """Copy the GGUF FILE, and the .toml manifest beside it, to this computer's models."""
    from soro_edge.commands import models

    models.add(program, file, name)


@models.command("verify")
@click.argument("name", required=False, default="")
@click.pass_obj
def models_verify(program: Program, name: str) -> int:
    """Read the whole file of model NAME, or of every model, and compare its SHA-256."""
    from soro_edge.commands import models

    return models.verify(program, name)


@models.command("info")
@click.argument("name", required=False, default="")
@click.pass_obj
def models_info(program: Program, name: str) -> None:
    """Tell what is known of the model NAME, or of the one in use."""
    from soro_edge.commands import models

    models.info(program, name)
