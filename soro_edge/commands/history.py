"""`soro history …`: stored conversations on stdout."""

import sys
from datetime import datetime
from pathlib import Path

import click

from soro_edge.commands.confirm import confirm
from soro_edge.commands.program import Program
from soro_edge.history.export import to_html, to_markdown, to_text
from soro_edge.locale import _
from soro_edge.paths import storage_error


def list_conversations(program: Program, limit: int) -> None:
    """One line each: number, last use, messages, title."""
    with program.history_to_read() as history:
        found = history.conversations(limit=limit)
    if not found:
        click.echo(_("There are no conversations yet."), err=True)
    for one in found:
        used = datetime.fromtimestamp(one.updated).strftime("%Y-%m-%d %H:%M")
        click.echo(f"{one.id:>6}  {used}  {one.messages:>4}  {one.title}")


def show(program: Program, conversation_id: int) -> None:
    """The conversation as plain text."""
    export(program, conversation_id, "txt", None)


def search(program: Program, words: str) -> None:
    """One line for each message found."""
    with program.history_to_read() as history:
        found = history.search(words)
    if not found:
        click.echo(_("Nothing was found."), err=True)
    for one in found:
        click.echo(f"{one.conversation_id:>6}  {one.title}\n        {one.snippet}")


def export(program: Program, conversation_id: int, form: str, output: Path | None) -> None:
    """The conversation in one of the three forms, to stdout or a file."""
    with program.history_to_read() as history:
        conversation = history.describe(conversation_id)
        messages = history.messages(conversation_id)
    match form:
        case "html":
            text = to_html(conversation, messages)
        case "md":
            text = to_markdown(conversation, messages)
        case _:
            text = to_text(conversation, messages)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise storage_error(error, output) from error


def delete(program: Program, conversation_id: int, *, sure: bool) -> None:
    """Ask, then delete."""
    history = program.told_history()
    try:
        title = history.describe(conversation_id).title
        if not sure:
            question = _("Delete «{title}» for ever?").format(title=title)
            if not confirm(question):
                click.echo(_("Nothing was deleted."), err=True)
                return
        history.delete(conversation_id)
    finally:
        history.close()
    click.echo(_("Deleted."), err=True)
