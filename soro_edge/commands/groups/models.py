"""The words of `soro models …`."""

from pathlib import Path

import click

from soro_edge.commands.groups.spoken import argument, group, option
from soro_edge.commands.program import Program


@group()
def models() -> None:
    """List, add, check and remove models."""


@models.command("list")
@option("--json", "as_json", is_flag=True, help="Print a JSON array with one object a model.")
@click.pass_obj
def models_list(program: Program, as_json: bool) -> None:
    """List the models and whether their files are here."""
    from soro_edge.commands import models

    models.list_models(program, as_json=as_json)


@models.command("add")
@argument("file", type=click.Path(path_type=Path))
@option("--name", default="", help="Name for the model; the file's own otherwise.")
@click.pass_obj
def models_add(program: Program, file: Path, name: str) -> None:
    """Add the GGUF FILE to this computer's models.

    The .toml manifest beside it, if there is one, comes along. The model is tried first: what cannot answer
    is not added.
    """
    from soro_edge.commands import models

    models.add(program, file, name)


@models.command("remove")
@argument("name")
@option("--yes", "sure", is_flag=True, help="Do not ask.")
@click.pass_obj
def models_remove(program: Program, name: str, sure: bool) -> None:
    """Delete the model NAME that was added to this computer."""
    from soro_edge.commands import models

    models.remove(program, name, sure=sure)


@models.command("verify")
@argument("name", required=False, default="")
@click.pass_obj
def models_verify(program: Program, name: str) -> int:
    """Compare the SHA-256 of model NAME, or of every model."""
    from soro_edge.commands import models

    return models.verify(program, name)


@models.command("info")
@argument("name", required=False, default="")
@click.pass_obj
def models_info(program: Program, name: str) -> None:
    """Tell what is known of the model NAME, or of the one in use."""
    from soro_edge.commands import models

    models.info(program, name)
