"""What the documents say of the program is so: commands, options, exit codes, settings, files, tests."""

import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import click
import pytest

from soro_edge import cli, errors
from soro_edge.settings import Settings
from soro_edge.stick import errors as stick_errors
from tests.make_catalogues import shown_commands

ROOT = Path(__file__).parents[1]
MANUAL = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "packaging/README.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
COMMANDS = dict(shown_commands())
MADE = {ROOT / "packaging" / "build"}
"""Folders that a command makes."""
ROOMS = ("convert", "docs", "models", "packaging", "soro_edge", "tests")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def section(heading: str) -> str:
    return MANUAL.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def command_of(phrase: str, group: str = "soro") -> str:
    """The longest command that `soro history list --limit N`, or `list` of a group, begins with."""
    path = group
    for word in phrase.removeprefix("soro ").split():
        if f"{path} {word}" not in COMMANDS:
            break
        path = f"{path} {word}"
    return path


@cache
def told() -> dict[str, set[str]]:
    """The commands in the manual's table, and the options that it names of each."""
    found: dict[str, set[str]] = {}
    for row in re.findall(r"^\| (`soro.*?) \|", section("Commands"), re.MULTILINE):
        path = ""
        for phrase in re.findall("`([^`]+)`", row):
            if not phrase.startswith("--"):
                group = "soro" if phrase.startswith("soro") else path.rpartition(" ")[0]
                path = command_of(phrase, group)
            found.setdefault(path, set()).update(re.findall(r"--[a-z-]+", phrase))
    return found


def test_the_table_names_every_command_and_no_other() -> None:
    # A group with parameters does something itself: `soro`, and `soro eval MODEL`.
    groups = {path for path, one in COMMANDS.items() if isinstance(one, click.Group)}
    groups -= {path for path in groups if COMMANDS[path].params}
    assert told().keys() == COMMANDS.keys() - groups


@pytest.mark.parametrize("path", told())
def test_the_tables_options_are_those_of_the_command(path: str) -> None:
    assert told()[path] <= {name for one in COMMANDS[path].params for name in one.opts}


def exit_codes() -> set[int]:
    """Of every class of the tree, and of a command that ends well."""
    waiting, found = [errors.SoroError], {0}
    while waiting:
        kind = waiting.pop()
        found.add(kind.exit_code)
        waiting += kind.__subclasses__()
    return found


@pytest.mark.parametrize("text", [MANUAL, cli.__doc__, cli.soro.english], ids=range(3))
def test_the_exit_codes_are_those_of_the_errors(text: str) -> None:
    assert stick_errors.StickError.exit_code in exit_codes()
    listed = re.search(r"Exit codes: (.*?) interrupted", " ".join(text.split()))
    assert listed
    assert {int(number) for number in re.findall(r"\d+", listed[1])} == exit_codes()


def test_the_table_of_settings_is_whole() -> None:
    names = re.findall(r"^\| `(\w+)` \|", section("Settings"), re.MULTILINE)
    assert names == [field.name for field in fields(Settings)]


@each_document
def test_files_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = [document.parent / link for link in re.findall(r"\]\(([\w./-]+)\)", text)]
    named += [
        ROOT / path for path in re.findall(rf"(?<![\w/.-])(?:{'|'.join(ROOMS)})/[\w./-]*\w", text)
    ]
    assert not [str(path) for path in named if not path.exists() and path not in MADE]


@each_document
def test_tests_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    tests = "\n".join(
        line
        for file in (ROOT / "tests").rglob("test_*.py")
        for line in (file.name, *re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8")))
    )
    named = re.findall(r"`(?:\w+/)*(…?\w*_\w+…?)(?:\.py)?`", text)
    named = [name for name in named if name.startswith(("test_", "…"))]
    assert not [name for name in named if name.strip("…") not in tests]
