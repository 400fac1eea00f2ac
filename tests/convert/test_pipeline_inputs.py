"""A conversion never writes over what it reads."""

from pathlib import Path

import pytest

from convert.errors import BadTarget
from convert.options import ConversionOptions
from convert.pipeline import convert
from tests.convert.conversions import Silent, Templates


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("model/new.gguf", "keep.txt"),
        ("text.gguf", "text.gguf"),
        ("keep.gguf", "keep.toml"),  # the manifest's name
        ("keep.gguf", "keep.report.json"),
    ],
)
def test_not_even_force_replaces_an_input(output: str, text: str, tmp_path: Path) -> None:
    model, keep = tmp_path / "model", tmp_path / text
    model.mkdir()
    weights = model / "model.safetensors"
    for file in (weights, keep):
        file.write_text("precious")
    options = ConversionOptions(
        checkpoint=model, output=tmp_path / output, keep_text=keep, force=True
    )
    with pytest.raises(BadTarget, match="files that are read"):
        convert(options, Silent(), Templates())
    assert weights.read_text() == keep.read_text() == "precious"
    assert not (model / "new.gguf").exists()
