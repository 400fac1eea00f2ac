"""The words of `soro history …`."""

from pathlib import Path

import click

from soro_edge.commands.groups.spoken import argument, group, option
from soro_edge.commands.program import Program


@group()
def history() -> None:
    """Read, search, export and delete stored conversations."""


@history.command("list")
@option(
    "--limit", default=200, show_default=True, type=click.IntRange(min=1), help="At most so many."
)
@click.pass_obj
def history_list(program: Program, limit: int) -> None:
    """List the conversations, the newest first."""
    from soro_edge.commands import history

    history.list_conversations(program, limit)


@history.command("show")
@argument("id", type=int)
@click.pass_obj
def history_show(program: Program, id: int) -> None:
    """Print the conversation number ID."""
    from soro_edge.commands import history

    history.show(program, id)


@history.command("search")
@argument("words", nargs=-1, required=True)
@click.pass_obj
def history_search(program: Program, words: tuple[str, ...]) -> None:
    """Find messages with all WORDS; plain г, к, у also find ғ, қ, ӯ."""
    from soro_edge.commands import history

    history.search(program, " ".join(words))


@history.command("export")
@argument("id", type=int)
@option(
    "--format",
    "form",
    type=click.Choice(["md", "txt", "html"]),
    default="md",
    show_default=True,
    help="Markdown, plain text or HTML.",
)
@option(
    "--output", type=click.Path(path_type=Path), help="Write to this file, not to standard output."
)
@click.pass_obj
def history_export(program: Program, id: int, form: str, output: Path | None) -> None:
    """Write the conversation number ID, to print or to hand in."""
    from soro_edge.commands import history

    history.export(program, id, form, output)


@history.command("delete")
@argument("id", type=int)
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def history_delete(program: Program, id: int, yes: bool) -> None:
    """Delete the conversation number ID for ever."""
    from soro_edge.commands import history

    history.delete(program, id, sure=yes)
