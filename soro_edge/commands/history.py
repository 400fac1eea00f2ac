"""`soro history …`: stored conversations on stdout."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from soro_edge.commands.confirm import confirm
from soro_edge.commands.output_file import check_output, write_output
from soro_edge.commands.program import Program
from soro_edge.history.export import export
from soro_edge.history.titles import one_line
from soro_edge.history.values import Conversation
from soro_edge.locale import _, local_time
from soro_edge.settings import Settings


def list_conversations(program: Program, limit: int, *, as_json: bool = False) -> None:
    """One line each: number, last use, messages, title."""
    with program.history_to_read() as history:
        found = history.conversations(limit=limit)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo(_("There are no conversations yet."), err=True)
    for one in found:
        click.echo(f"{one.id:>6}  {local_time(one.updated):16}  {one.messages:>4}  {one.title}")


def _as_json(conversation: Conversation) -> dict[str, int | str | None]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created": _utc(conversation.created),
        "updated": _utc(conversation.updated),
        "messages": conversation.messages,
    }


def _utc(seconds: float) -> str | None:
    """In ISO 8601; None where there is no such day."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return None


def show(program: Program, conversation_id: int) -> None:
    """The conversation as plain text."""
    with program.history_to_read() as history:
        whole = history.describe(conversation_id), history.messages(conversation_id)
    sys.stdout.write(export("txt", [whole]))


def search(program: Program, words: str) -> None:
    """One line for each message found."""
    with program.history_to_read() as history:
        found = history.search(words)
    if not found:
        click.echo(_("Nothing was found."), err=True)
    for one in found:
        click.echo(f"{one.conversation_id:>6}  {one.title}\n        {one.snippet}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What `soro history export` was asked for."""

    conversation_id: int | None
    """None exports all."""
    form: str
    """`md`, `txt` or `html`."""
    pupil: str | None
    """A name for the heading; None takes the profile's."""
    output: Path | None
    """None writes to standard output."""
    force: bool


def export_conversations(program: Program, options: ExportOptions) -> None:
    """Write one conversation or all, the oldest first, to standard output or a file."""
    if options.output is not None:
        check_output(options.output, program.paths, force=options.force)
    with program.history_to_read() as history:
        if options.conversation_id is not None:
            chosen = [history.describe(options.conversation_id)]
        else:
            chosen = history.conversations(limit=sys.maxsize)[::-1]
        wholes = [(one, history.messages(one.id)) for one in chosen]
    if not wholes:
        click.echo(_("There are no conversations yet."), err=True)
        return
    profile = program.settings.profile
    pupil = (
        ("" if profile == Settings().profile else profile)
        if options.pupil is None
        else options.pupil
    )
    text = export(options.form, wholes, pupil=one_line(pupil))
    if options.output is None:
        sys.stdout.write(text)
        return
    write_output(options.output, text, program.paths, force=options.force)
    written = _("Written: {file} (conversations: {conversations}, messages: {messages})")
    click.echo(
        written.format(
            file=options.output,
            conversations=len(wholes),
            messages=sum(len(messages) for _one, messages in wholes),
        ),
        err=True,
    )


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
