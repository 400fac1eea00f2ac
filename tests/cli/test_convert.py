"""`soro convert` at the command line: its words, and the converter's errors as ours. Not the conversion."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import convert as converter
from soro_edge import locale
from soro_edge.commands.convert import TEACHERS_SENTENCES, size_bytes, vocabulary_rows
from soro_edge.locale import _
from tests.convert.checkpoints import write_checkpoint
from tests.convert.conversions import files

CONVERTER = Path(converter.__file__).parent


@pytest.mark.parametrize(
    ("words", "count"),
    [("", None), ("1000", 1000), ("450MB", 450_000_000), ("1.5 gb", 1_500_000_000), ("2KB", 2000)],
)
def test_a_size_is_bytes_or_has_a_unit(words: str, count: int | None) -> None:
    assert size_bytes(words) == count


@pytest.mark.parametrize("words", ["4x", "MB", "-1MB", "0", "1e9", "45,5MB", "٤MB"])
def test_no_size(words: str) -> None:
    with pytest.raises(click.UsageError, match="--size"):
        size_bytes(words)


def test_the_vocabulary_is_full_or_a_number() -> None:
    assert vocabulary_rows("full") is None and vocabulary_rows("32768") == 32768
    for words in ("half", "0", "-3", "²"):
        with pytest.raises(click.UsageError, match="--vocabulary"):
            vocabulary_rows(words)


def convert(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    words = ["soro", "--language", "en", "convert", str(folder / "trained"), str(folder / "o.gguf")]
    program = f"import sys; sys.argv = {words!r}; {code}; from soro_edge.cli import main; main()"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_the_converters_error_has_a_hint_and_exit_code_8(tmp_path: Path) -> None:
    done = convert(tmp_path, "pass")
    assert (done.returncode, done.stdout) == (8, "")
    assert done.stderr == (
        f"error: There is no folder {tmp_path}/trained.\n\n"
        "hint: Give the folder that holds config.json.\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_name_that_the_manifest_would_overwrite_is_refused_at_once(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "trained", layers=1)
    done = convert(tmp_path, "sys.argv[-1] = sys.argv[-1].replace('o.gguf', 'o.toml')")
    assert (done.returncode, done.stdout) == (8, "")
    assert "o.toml is no name for a model: it does not end in .gguf.\n" in done.stderr
    assert "hint: Name it o.gguf" in done.stderr
    assert files(tmp_path) == ["trained"]


@pytest.mark.parametrize("language", ["tg", "ru"])
def test_what_a_teacher_meets_is_said_in_one_language(language: str, tmp_path: Path) -> None:
    done = convert(tmp_path, f"sys.argv[2] = {language!r}")
    with locale.using(language):
        reason = _("There is no folder {folder}.").format(folder=tmp_path / "trained")
        hint = _("Give the folder that holds config.json.")
    assert not reason.startswith("There")
    assert re.fullmatch(f"[а-я]+: {re.escape(reason)}\n\n[а-я]+: {re.escape(hint)}\n", done.stderr)


def test_the_catalogue_has_the_converters_own_sentences() -> None:
    texts = {
        node.value
        for path in CONVERTER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(TEACHERS_SENTENCES) <= texts


@pytest.mark.parametrize(("module", "named"), [("convert", "convert"), ("gguf", "gguf")])
def test_without_the_converter_it_says_where_to_get_it(
    module: str, named: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "trained", layers=1)  # A wrong folder would be told first.
    done = convert(tmp_path, f"sys.modules[{module!r}] = None")
    assert done.returncode == 8 and "Traceback" not in done.stderr
    assert f"the module {named}" in done.stderr and "uv sync --group convert" in done.stderr
