"""The parser's own words speak the language in use: no sentence holds two languages."""

import re
from pathlib import Path

import click
import pytest
from babel.messages.extract import extract_from_file
from click.testing import CliRunner

from soro_edge import cli, locale
from tests.make_catalogues import catalogue

MODULES = ("exceptions", "parser", "types", "termui", "core", "shell_completion", "formatting")
FOR_PROGRAMMERS = re.compile(
    "DeprecationWarning|defined twice|Boolean option|Could not determine|No options defined"
    "|Arguments take exactly|must be an iterable|Unknown color|valid UUID|^Choice"
)
"""What is said to who writes commands wrongly, and what no command here asks for."""
NAMES = re.compile(r"'[^']*'|--?[a-z-]+|SORO_\w+|\bsoro( \w+)*|QUESTION|\bmd|txt|html|x>=1")


def clicks_messages() -> set[str]:
    folder, words = Path(click.__file__).parent, set()
    for module in MODULES:
        found = extract_from_file(
            "python", folder / f"{module}.py", keywords={"_": None, "ngettext": (1, 2)}
        )
        for _line, message, _comments, _context in found:
            words.add(message if isinstance(message, str) else message[0])
    return {word for word in words if not FOR_PROGRAMMERS.search(word)}


@pytest.mark.parametrize("language", ["tg", "ru"])
def test_every_word_of_the_parser_is_translated(language: str) -> None:
    known = set()
    for message in catalogue(language):
        texts = message.string if isinstance(message.string, list | tuple) else [message.string]
        if message.id and all(texts):
            known.add(message.id if isinstance(message.id, str) else message.id[0])
    assert not clicks_messages() - known


WRONG = {
    "a command misspelt": ["histroy"],
    "a command's command misspelt": ["history", "lst"],
    "an option misspelt": ["ask", "--jso", "x"],
    "a choice that is none": ["history", "export", "1", "--format", "pdf"],
    "the only choices": ["usb", "make", "x", "--without", "mac"],
    "an option without its value": ["ask", "--seed"],
    "a flag with a value": ["ask", "--json=yes", "x"],
    "a word for a number": ["history", "show", "як"],
    "an argument too many": ["models", "add", "a", "b"],
    "an argument too few": ["models", "add"],
    "a number too small": ["bench", "--rounds", "0"],
}


@pytest.mark.parametrize("language", ["tg", "ru"])
@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_a_wrong_usage_holds_no_english_word(words: list[str], language: str) -> None:
    told = CliRunner().invoke(cli.soro, ["--language", language, *words])
    assert told.exit_code == 2
    text = NAMES.sub("", told.output)
    assert not re.findall("[A-Za-z]{2,}", text.replace("GGUF", "")), told.output


@pytest.mark.parametrize("language", ["tg", "ru"])
def test_a_passphrase_is_asked_for_in_one_language(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soro_edge.commands.usb_make._can_ask", lambda: True)
    words = ["--language", language, "usb", "keygen", "--key", str(tmp_path / "maker.key")]
    told = CliRunner().invoke(cli.soro, words, input="one\ntwo\nsame\nsame\n")
    asked = told.stderr.replace(str(tmp_path), "")
    assert told.exit_code == 0 and asked.count(locale._("Passphrase")) == 2
    assert not re.findall("[A-Za-z]{2,}", asked)


def test_the_version_needs_no_language() -> None:
    told = CliRunner().invoke(cli.soro, ["--version"]).stdout
    assert re.fullmatch(r"soro \d+\.\d+\.\d+\n", told)
