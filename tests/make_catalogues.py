"""Make the `.mo` catalogues: `uv run python tests/make_catalogues.py`. Also lists what is untranslated."""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from soro_edge import locale
from soro_edge.cli import soro
from soro_edge.commands.groups.spoken import (
    MakerCommand,
    SpokenCommand,
    SpokenOption,
    paragraphs,
    placeholders,
)

ROOT = Path(__file__).parents[1] / "soro_edge"
KEYWORDS: dict[str, None] = {"_": None, "N_": None}


def msgids() -> set[str]:
    """Every message that the program can show."""
    found = extract_from_dir(ROOT, [("**.py", "python")], keywords=KEYWORDS)
    marked = {
        message for _file, _line, message, _comments, _context in found if isinstance(message, str)
    }
    return marked | help_msgids()


def help_msgids() -> set[str]:
    """The words of `--help`, which docstrings and options hold."""
    found = set()
    for path, command in shown_commands():
        context = click.Context(command, info_name=path)
        if isinstance(command, MakerCommand):
            found |= set(paragraphs(command.english or "")[:1])
            continue
        texts = [command.english if isinstance(command, SpokenCommand) else command.help]
        for parameter in command.params:
            if isinstance(parameter, SpokenOption):
                texts.append(parameter.english)
        with locale.using("en"):
            pieces = command.collect_usage_pieces(context)
            for one in command.params:
                if not (isinstance(one, click.Option) and one.is_flag):
                    pieces.append(one.make_metavar(context))
        found |= {part for text in texts if text for part in paragraphs(text)}
        found |= {word for piece in pieces for word in placeholders(piece)}
    return found


def shown_commands() -> list[tuple[str, click.Command]]:
    """`soro ask` and the like, and what each is; without the hidden ones."""
    found: list[tuple[str, click.Command]] = []
    waiting: list[tuple[str, click.Command]] = [("soro", soro)]
    while waiting:
        path, command = waiting.pop()
        found.append((path, command))
        if isinstance(command, click.Group):
            shown = (one for one in command.commands.values() if not one.hidden)
            waiting += [(f"{path} {one.name}", one) for one in shown]
    return found


def catalogue(language: str) -> Catalog:
    """The `.po` file of a language."""
    with (ROOT / "locale" / language / "LC_MESSAGES" / "soro.po").open("rb") as file:
        return read_po(file, locale=language)


def compiled(language: str) -> bytes:
    """The `.mo` file's bytes."""
    written, words = BytesIO(), catalogue(language)
    # The header holds dates: without this, two makings would differ.
    words.creation_date = words.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    write_mo(written, words)
    return written.getvalue()


def main() -> None:
    for language in ("tg", "ru"):
        known = {m.id for m in catalogue(language) if m.id and m.string}
        for missing in sorted(msgids() - known):
            print(f"{language}: no translation: {missing}", file=sys.stderr)
        (ROOT / "locale" / language / "LC_MESSAGES" / "soro.mo").write_bytes(compiled(language))


if __name__ == "__main__":
    main()
