"""What goes wrong, as the tutor shows it: on the screen, and once more below it with the exit code."""

import re
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from tests.cli.test_commands import soro
from tests.terminal import SORO, Terminal

pytestmark = [pytest.mark.native, pytest.mark.usefixtures("known_starter")]

F10 = "\x1b[21~"


def test_a_model_that_cannot_be_run(tiny_model: Path, own_home: Path) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    strange = own_home / "models" / "tiny.gguf"
    strange.write_bytes(tiny_model.read_bytes().replace(b"gemma3", b"mars77"))
    manifest = strange.with_suffix(".toml")
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(re.sub('sha256 = ".*"', 'sha256 = ""', text), encoding="utf-8")
    with Terminal(SORO) as tutor:
        tutor.until("models of the kind «mars77»")
        tutor.write(F10)
        tutor.until("error")
        tutor.until("hint: Use another model: `soro --model NAME`")
        assert tutor.end() == 3
    with Terminal([*SORO, "--model", "smollm2-135m-instruct"]) as tutor:
        tutor.until("ready")
        tutor.write(F10)
        assert tutor.end() == 0


def test_too_little_memory(tiny_model: Path, own_home: Path) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    manifest = own_home / "models" / "tiny.toml"
    text = manifest.read_text(encoding="utf-8")
    text = text.replace("memory_bytes = 0", "memory_bytes = 999_000_000_000")
    manifest.write_text(text, encoding="utf-8")
    with Terminal(SORO) as tutor:
        tutor.until("needs 999000 MB and")
        tutor.write(F10)
        tutor.until("Too little memory")
        assert tutor.end() == 3


def test_in_a_folder_that_cannot_be_written_the_tutor_is_not_painted(read_only: Path) -> None:
    with Terminal(SORO, SORO_HOME=str(read_only)) as tutor:
        assert tutor.end() == 6
        told = tutor.seen.decode()
    assert "Nothing can be written to the folder" in told and "hint: Allow writing there" in told
    assert "\x1b[?1049h" not in told  # the screen was not taken


def test_a_damaged_history(own_home: Path) -> None:
    assert soro("ask", "Say yes.", "--max-tokens", "3").returncode == 0
    file = own_home / "profiles" / "default" / "history.sqlite3"
    content = file.read_bytes()
    file.write_bytes(content[:100] + b"rubbish" * 400 + content[2900:])
    with Terminal(SORO) as tutor:
        tutor.until("The history was damaged.")
        tutor.until("ready")
        tutor.write(F10)
        assert tutor.end() == 0
    assert "Say yes." in soro("history", "list").stdout.decode()


def test_an_empty_and_a_long_question() -> None:
    with Terminal(SORO, SORO_CONTEXT_TOKENS="256") as tutor:
        tutor.until("ready")
        tutor.write("\r")
        tutor.until("The question is empty.")
        tutor.write("word " * 300 + "\r")
        tutor.until("The question is too long")
        tutor.write(F10)
        assert tutor.end() == 0
