"""`--verify torch`: the reference implementation agrees, and where it is missing that is said first.

PyTorch is no dependency here: the comparison itself runs where it is installed.
"""

import importlib.util
from pathlib import Path

import pytest

from convert import pipeline
from convert.errors import ConversionError
from convert.quantize.bit_allocation import Type
from tests.convert.checkpoints import write_checkpoint
from tests.convert.conversions import convert_tiny

HAS_TORCH = all(importlib.util.find_spec(package) for package in ("torch", "transformers"))


@pytest.mark.skipif(HAS_TORCH, reason="torch is installed")
def test_without_torch_it_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "open_checkpoint", lambda folder: pytest.fail("opened"))
    with pytest.raises(ConversionError, match="--verify torch needs the package"):
        convert_tiny(tmp_path / "model", tmp_path / "model.gguf", compare_with_torch=True)


@pytest.mark.native
@pytest.mark.skipif(not HAS_TORCH, reason="torch and transformers are not installed")
def test_an_unrounded_file_computes_what_transformers_computes(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", form="F32").folder
    output = tmp_path / "model.gguf"
    report = convert_tiny(folder, output, type=Type.F32, compare_with_torch=True)
    assert report.torch
    assert report.torch["kl_divergence"] < 1e-3
    assert report.torch["same_first_choice"] > 0.9
