"""What a model maker hears while a conversion runs, and reads at its end."""

from pathlib import Path

import pytest

from convert.command import run
from convert.options import ConversionOptions
from convert.progress import FINISHING
from convert.report.report import next_steps
from tests.convert.checkpoints import WrittenCheckpoint
from tests.convert.conversions import TOKENS_IN_TEXT, Silent, Templates, convert_tiny

pytestmark = pytest.mark.usefixtures("short_texts")


class Heard:
    """Every piece of work that began: its name, its length, and how far it came."""

    def __init__(self) -> None:
        self.works: list[tuple[str, float, float]] = []

    def begin(self, what: str, total: float) -> None:
        self.works.append((what, total, 0))

    def advance(self, amount: float) -> None:
        what, total, done = self.works[-1]
        self.works[-1] = what, total, done + amount


@pytest.mark.native
@pytest.mark.parametrize("choice", ["plain", "calibrated", "size"])
def test_phases_are_numbered_and_none_is_left_out(
    choice: str, small: WrittenCheckpoint, tajik: Path, output: Path
) -> None:
    heard = Heard()
    convert_tiny(
        small.folder,
        output,
        progress=heard,
        calibration=None if choice == "plain" else tajik,
        calibration_tokens=TOKENS_IN_TEXT,
        most_bytes=10**6 if choice == "size" else None,
    )
    numbers = [what.split(" ", 1)[0] for what, _, _ in heard.works]
    assert numbers == sorted(numbers)
    assert list(dict.fromkeys(numbers)) == ["1/4", "2/4", "3/4", "4/4"]


@pytest.mark.native
def test_the_hashes_are_counted_to_their_end(small: WrittenCheckpoint, output: Path) -> None:
    heard = Heard()
    report = convert_tiny(small.folder, output, progress=heard)
    what, total, done = heard.works[-1]
    assert what == f"4/4 {FINISHING}"
    assert total == report.source_bytes + report.size_bytes <= done


@pytest.mark.native
def test_the_report_begins_with_both_sizes_and_ends_with_what_to_do_next(
    small: WrittenCheckpoint, output: Path
) -> None:
    options = ConversionOptions(checkpoint=small.folder, output=output, vocabulary_rows=None)
    lines = run(options, Silent(), Templates(), as_json=False).splitlines()
    weights = sum(path.stat().st_size for path in small.folder.glob("*.safetensors"))
    factor = weights / output.stat().st_size
    assert lines[0].startswith("model.gguf: 0.")
    assert f"{factor:.1f} times smaller than the checkpoint's {weights / 1e6:.1f} MB" in lines[0]
    assert lines[-4:] == next_steps(output)


def test_the_next_commands_can_be_copied_whatever_the_file_is_called() -> None:
    assert next_steps(Path("/tmp/my model.gguf")) == [
        "next",
        "  Soro       soro models add '/tmp/my model.gguf'",
        "  Ollama     echo 'FROM /tmp/my model.gguf' > Modelfile && ollama create my-model"
        " && ollama run my-model",
        "  LM Studio  lms import '/tmp/my model.gguf'",
    ]
