"""Bad input and failures, each through the command line: a sentence, a hint, an exit code, nothing lost."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from soro_edge import cli
from soro_edge.history.store import History
from tests.cli.test_commands import soro

pytestmark = [pytest.mark.native, pytest.mark.usefixtures("known_starter")]

Damage = Callable[[bytes], bytes]
FILES: dict[str, tuple[Damage, str]] = {
    "empty": (lambda whole: b"", "is not a GGUF model"),
    "text": (lambda whole: b"Salom!", "is not a GGUF model"),
    "cut in its head": (lambda whole: whole[:2000], "is cut short, already after 2000 bytes"),
    "cut in its tensors": (lambda whole: whole[:-1], "is cut short"),
}


def complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """What was told on stderr: an error, an empty line, a hint."""
    told = done.stderr.decode()
    assert told.startswith("error: ") and "\n\nhint: " in told and "Traceback" not in told
    assert told.count("\n") == 3
    return told


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", FILES)
def test_a_bad_model_file_is_not_added(tiny_model: Path, tmp_path: Path, damage: str) -> None:
    make, told = FILES[damage]
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(make(tiny_model.read_bytes()))
    done = soro("models", "add", str(bad))
    assert done.returncode == 3 and told in complaint(done)
    assert "bad" not in soro("models", "list").stdout.decode()


@pytest.mark.parametrize("damage", FILES)
def test_a_model_file_that_went_bad_later_is_told_before_loading(
    tiny_model: Path, own_home: Path, damage: str
) -> None:
    make, _told = FILES[damage]
    assert soro("models", "add", str(tiny_model)).returncode == 0
    stored = own_home / "models" / tiny_model.name
    stored.write_bytes(make(stored.read_bytes()))
    done = soro("ask", "x")
    assert done.returncode == 3 and "is cut short" in complaint(done)


def test_a_flipped_byte_is_told_by_ask_and_by_verify(tiny_model: Path, own_home: Path) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    assert soro("models", "verify", "tiny").returncode == 0
    flip_a_byte(own_home / "models" / tiny_model.name)
    done = soro("ask", "x")
    assert done.returncode == 3 and "SHA-256 is wrong" in complaint(done)
    assert soro("models", "verify", "tiny").returncode == 3


def test_verify_says_what_it_can_know(tiny_model: Path, own_home: Path, tmp_path: Path) -> None:
    """A file that was damaged before it was added, with no manifest beside it, is not called whole."""
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(tiny_model.read_bytes())
    flip_a_byte(damaged)
    assert soro("models", "add", str(damaged)).returncode == 0
    done = soro("models", "verify", "damaged")
    assert done.returncode == 0 and b"damaged: as it was added; whether it was whole" in done.stdout
    manifest = own_home / "models" / "damaged.toml"
    text = manifest.read_text(encoding="utf-8")
    known = text.partition("sha256 = ")[2].split("\n")[0]
    manifest.write_text(text.replace(known, '""'), encoding="utf-8")
    done = soro("models", "verify", "damaged")
    assert done.returncode == 0 and b"it has no checksum" in done.stdout
    stored = own_home / "models" / "damaged.gguf"
    stored.write_bytes(stored.read_bytes()[:-1])
    done = soro("models", "verify", "damaged")
    assert done.returncode == 3 and b"is cut short" in done.stderr and not done.stdout


def test_a_missing_file_is_told(tiny_model: Path, own_home: Path) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    (own_home / "models" / tiny_model.name).unlink()
    done = soro("ask", "x", "--model", "tiny")
    assert done.returncode == 3 and "is not here" in complaint(done)


def test_an_architecture_that_llama_cpp_does_not_know(tiny_model: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(tiny_model.read_bytes().replace(b"gemma3", b"mars77"))
    for words in (("models", "add", str(strange)), ("ask", "x", "--model", str(strange))):
        done = soro(*words)
        assert done.returncode == 3 and "models of the kind «mars77»" in complaint(done)
    assert "x" in soro("history", "show", "1").stdout.decode()


def test_the_model_that_was_added_last_is_used(tiny_model: Path, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.gguf").write_bytes(tiny_model.read_bytes())
    for name in ("a", "b"):
        told = soro("models", "add", str(tmp_path / f"{name}.gguf")).stdout.decode()
        assert told == f"Added: {name}. It is used from now on.\n"
    assert soro("models", "list").stdout.decode().startswith("* b ")
    (tmp_path / "c.gguf").write_bytes(tiny_model.read_bytes())
    told = soro("models", "add", str(tmp_path / "c.gguf"), SORO_MODEL="a").stdout.decode()
    assert told == "Added: c. Use it with `soro --model c`.\n"


def test_a_question_longer_than_the_context_is_kept_and_told() -> None:
    done = soro("ask", given=b"word " * 3000)
    assert done.returncode == 4 and "tokens, and 1536 fit" in complaint(done)
    assert "word word" in soro("history", "show", "1").stdout.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="folders are shut in another way there")
@pytest.mark.parametrize("words", [("ask", "x"), ("chat",)])
def test_a_data_folder_that_cannot_be_written(read_only: Path, words: tuple[str, ...]) -> None:
    done = soro(*words, SORO_HOME=str(read_only))
    assert done.returncode == 6 and "Nothing can be written" in complaint(done)
    assert done.stdout == b""


@pytest.mark.skipif(sys.platform == "win32", reason="folders are shut in another way there")
def test_reading_works_in_a_folder_that_cannot_be_written(
    own_home: Path, protect: Callable[[Path], None]
) -> None:
    with History.open(own_home / "profiles" / "default" / "history.sqlite3") as history:
        history.new_conversation().add_question("Say yes.")
    protect(own_home)
    for words in (("list",), ("show", "1"), ("search", "yes"), ("export", "1")):
        told = CliRunner().invoke(cli.soro, ["history", *words], catch_exceptions=False)
        assert told.exit_code == 0 and "Say yes." in told.stdout and not told.stderr
    done = soro("ask", "--no-history", "Say yes.", "--max-tokens", "3")
    assert done.returncode == 0 and done.stdout.strip() and done.stderr == b""


def test_a_damaged_history_is_told_repaired_and_kept(own_home: Path) -> None:
    assert soro("ask", "Say yes.", "--max-tokens", "3").returncode == 0
    file = own_home / "profiles" / "default" / "history.sqlite3"
    content = file.read_bytes()
    file.write_bytes(content[:100] + b"rubbish" * 400 + content[2900:])
    done = soro("history", "list")
    assert done.returncode == 0 and b"Say yes." in done.stdout
    assert b"The history was damaged. It was restored as it was on" in done.stderr
    assert len(list(file.parent.glob("history.damaged-*"))) == 1
    assert soro("history", "list").stderr == b""


@pytest.mark.parametrize(
    ("language", "error", "hint"),
    [("tg", "хато: ", "ишора: "), ("ru", "ошибка: ", "совет: "), ("en", "error: ", "hint: ")],
)
def test_every_language_has_the_same_form(language: str, error: str, hint: str) -> None:
    told = soro("ask", "x", "--model", "none", SORO_LANGUAGE=language).stderr.decode()
    assert told.startswith(error) and f"\n\n{hint}" in told and "none" in told


def test_settings_that_cannot_be_read_are_told(own_home: Path) -> None:
    (own_home / "settings.toml").mkdir(parents=True)
    done = soro("history", "list")
    assert done.returncode == 2 and "settings.toml" in complaint(done)
    (own_home / "settings.toml").rmdir()
    (own_home / "settings.toml").write_text("language = ", encoding="utf-8")
    done = soro("history", "list")
    assert done.returncode == 2 and "The settings cannot be read:" in complaint(done)
    (own_home / "settings.toml").write_text("colour = 5", encoding="utf-8")
    done = soro("history", "list")
    assert done.returncode == 2 and "There is no setting named «colour»." in complaint(done)


def test_a_context_too_small_for_llama_cpp_is_refused_before_it() -> None:
    done = soro("ask", "x", SORO_CONTEXT_TOKENS="255")
    assert done.returncode == 2 and "cannot be «255»: 0, ≥ 256" in complaint(done)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize("words", ["ask Hi --max-tokens 2", "--help", "paths"])
def test_an_output_that_is_full_or_closed_is_no_fault(words: str, own_home: Path) -> None:
    command = f"{sys.executable} -m soro_edge.cli {words}"
    full = subprocess.run(f"{command} > /dev/full", shell=True, capture_output=True, timeout=60)
    assert full.returncode == 6 and "The disk is full: stdout" in full.stderr.decode()
    closed = subprocess.run(f"{command} >&-", shell=True, capture_output=True, timeout=60)
    assert (closed.returncode, closed.stderr) == (0, b"")
    assert not (own_home / "logs" / "fault.log").exists()


def test_a_model_is_added_under_another_name_and_never_outside_its_folder(
    tiny_model: Path, own_home: Path
) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    assert soro("models", "add", str(tiny_model), "--name", "second").returncode == 0
    assert (own_home / "models" / "second.gguf").exists()
    for name in ("../third", "ҷ" * 65):
        done = soro("models", "add", str(tiny_model), "--name", name)
        assert done.returncode == 2 and "--name" in complaint(done)


def test_a_fault_of_the_program_is_a_sentence_and_its_traceback_a_file(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_options: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(cli.soro, "main", broken)
    assert cli._run() == 1
    assert "Something went wrong." in capsys.readouterr().err
    assert "a bug" in (own_home / "logs" / "fault.log").read_text(encoding="utf-8")
