"""`--help` speaks the language in use, wholly, for all that pupils and teachers use."""

import os
import re
import subprocess
import sys

import click
import pytest

from soro_edge import locale
from soro_edge.commands.groups.spoken import MakerCommand
from tests.make_catalogues import shown_commands

COMMANDS = dict(shown_commands())
SPOKEN = [path for path, command in COMMANDS.items() if not isinstance(command, MakerCommand)]
MAKERS = [path for path, command in COMMANDS.items() if isinstance(command, MakerCommand)]
GROUPS = [path for path, command in COMMANDS.items() if isinstance(command, click.Group)]
NOT_WORDS = re.compile(
    r"`[^`]*`"  # a command to type
    r"|--?[a-z][a-z-]*"  # options
    r"|\[[a-z|]+\]"  # what an option may be
    r"|[a-z]+/[a-z/]+|\.toml"  # paths
    r"|x?>=|<=x<=|: (tg, ru|md\b)|\ben\."
    r"|Soro Edge|llama\.cpp|GGUF|SHA-256|JSON|HTML|Markdown|Linux|Windows"
)


def shown_help(path: str) -> str:
    """As a terminal of 80 columns has it, the commands' own names left out."""
    command = COMMANDS[path]
    with click.Context(command, info_name=path, terminal_width=80) as context:
        context.help_option_names = ["-h", "--help"]
        text = command.get_help(context).replace(path, "", 1)
    names = command.commands if isinstance(command, click.Group) else ()
    return "\n".join(re.sub(rf"^  ({'|'.join(names)})  ", "", line) for line in text.split("\n"))


@pytest.mark.parametrize("language", ["tg", "ru"])
@pytest.mark.parametrize("path", SPOKEN)
def test_help_holds_no_english_word(path: str, language: str) -> None:
    locale.use(language)
    text = NOT_WORDS.sub("", " ".join(shown_help(path).split()))
    assert not re.findall("[A-Za-z]{2,}", text)


@pytest.mark.parametrize("language", ["tg", "ru", "en"])
@pytest.mark.parametrize("path", GROUPS)
def test_each_command_has_one_whole_line_in_the_list(path: str, language: str) -> None:
    locale.use(language)
    heading, *lines = shown_help(path).split("\n\n")[-1].splitlines()
    assert heading.endswith(":") and "..." not in str(lines)
    assert len(lines) == len([one for one in COMMANDS if one.rpartition(" ")[0] == path])


@pytest.mark.parametrize("path", MAKERS)
def test_the_makers_commands_stay_english(path: str) -> None:
    locale.use("tg")
    text = shown_help(path)
    assert text.startswith("Usage:") and not re.search("[Ѐ-ӿ]", text)
    assert locale._("error") == "хато"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_says_what_it_does(path: str) -> None:
    options = [one for one in COMMANDS[path].params if isinstance(one, click.Option)]
    assert not [one.name for one in options if not one.help]


@pytest.mark.parametrize(
    "words", [["--language", "ru", "--help"], ["--language", "ru", "ask", "-h"]]
)
def test_the_language_may_be_named_in_the_same_command(words: list[str]) -> None:
    run = [sys.executable, "-m", "soro_edge.cli", *words]
    done = subprocess.run(run, capture_output=True, env=os.environ, check=True)
    assert "Показать этот текст" in done.stdout.decode("utf-8")
