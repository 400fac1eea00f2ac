"""`soro convert` at the command line: its words, and the converter's errors as ours. Not the conversion."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from soro_edge.commands.convert import size_bytes, vocabulary_rows
from tests.convert.checkpoints import write_checkpoint


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


@pytest.mark.parametrize(("module", "named"), [("convert", "convert"), ("gguf", "gguf")])
def test_without_the_converter_it_says_where_to_get_it(
    module: str, named: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "trained", layers=1)  # A wrong folder would be told first.
    done = convert(tmp_path, f"sys.modules[{module!r}] = None")
    assert done.returncode == 8 and "Traceback" not in done.stderr
    assert f"the module {named}" in done.stderr and "uv sync --group convert" in done.stderr
