"""The words of `soro history …`."""

from pathlib import Path

import click

from soro_edge.commands.program import Program


@click.group()
def history() -> None:
    """Read, search, export and delete stored conversations."""


@history.command("list")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(min=1))
@click.pass_obj
def history_list(program: Program, limit: int) -> None:
    """List the conversations, the newest first."""
    from soro_edge.commands import history

    history.list_conversations(program, limit)


@history.command("show")
@click.argument("id", type=int)
@click.pass_obj
def history_show(program: Program, id: int) -> None:
    """Print the conversation number ID."""
    from soro_edge.commands import history

    history.show(program, id)


@history.command("search")
@click.argument("words", nargs=-1, required=True)
@click.pass_obj
def history_search(program: Program, words: tuple[str, ...]) -> None:
    """Find messages with all WORDS; plain г, к, у also find ғ, қ, ӯ."""
    from soro_edge.commands import history

    history.search(program, " ".join(words))


@history.command("export")
@click.argument("id", type=int)
@click.option(
    "--format", "form", type=click.Choice(["md", "txt", "html"]), default="md", show_default=True
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write to this file, not to standard output."
)
@click.pass_obj
def history_export(program: Program, id: int, form: str, output: Path | None) -> None:
    """Write the conversation number ID as Markdown, plain text or HTML."""
    from soro_edge.commands import history

    history.export(program, id, form, output)


@history.command("delete")
@click.argument("id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def history_delete(program: Program, id: int, yes: bool) -> None:
    """Delete the conversation number ID for ever."""
    from soro_edge.commands import history

    history.delete(program, id, sure=yes)
