"""The words of `soro history …`."""

from pathlib import Path
from typing import Any

import click

from soro_edge.commands.groups.spoken import argument, group, option
from soro_edge.commands.program import Program
from soro_edge.locale import _


@group()
def history() -> None:
    """Read, search, export and delete stored conversations."""


@history.command("list")
@option(
    "--limit", default=200, show_default=True, type=click.IntRange(min=1), help="At most so many."
)
@option(
    "--json", "as_json", is_flag=True, help="Print a JSON array with one object a conversation."
)
@click.pass_obj
def history_list(program: Program, limit: int, as_json: bool) -> None:
    """List the conversations, the newest first."""
    from soro_edge.commands import history

    history.list_conversations(program, limit, as_json=as_json)


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
@argument("id", type=int, required=False)
@option("--all", "everything", is_flag=True, help="All conversations, the oldest first.")
@option(
    "--format",
    "form",
    type=click.Choice(["md", "txt", "html"]),
    default="md",
    show_default=True,
    help="Markdown, plain text or HTML.",
)
@option("--pupil", help="The name in the heading; without it that of the profile.")
@option(
    "--output", type=click.Path(path_type=Path), help="Write to this file, not to standard output."
)
@option("--force", is_flag=True, help="Replace the file if it is there.")
@click.pass_context
def history_export(
    context: click.Context, /, id: int | None, everything: bool, **options: Any
) -> None:
    """Write the conversation number ID, to print or to hand in."""
    from soro_edge.commands import history

    if (id is None) != everything:
        raise click.UsageError(_("Name either the number of a conversation or --all."), context)
    chosen = history.ExportOptions(conversation_id=id, **options)
    history.export_conversations(context.obj, chosen)


@history.command("delete")
@argument("id", type=int)
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def history_delete(program: Program, id: int, yes: bool) -> None:
    """Delete the conversation number ID for ever."""
    from soro_edge.commands import history

    history.delete(program, id, sure=yes)
