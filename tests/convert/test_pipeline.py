"""Whole conversions: every storage becomes its own model, the file appears whole or not at all."""

import hashlib
import json
import os
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from convert import gemma3, pipeline
from convert.calibrate.ablation import BY_INPUTS, COMPENSATED, LARGEST, STEPS
from convert.calibrate.calibration_data import tokenized_texts
from convert.errors import BadTarget, BadTensor
from convert.native.llama import LlamaModel
from convert.quantize.bit_allocation import TYPES, Type
from convert.report.report import Report
from soro_edge.gguf_header import read_header
from soro_edge.manifest import read_manifest
from soro_edge.models import memory_needed_bytes
from tests.convert.checkpoints import (
    Form,
    Stored,
    Wrapping,
    WrittenCheckpoint,
    write_checkpoint,
)
from tests.convert.conversions import TOKENS_IN_TEXT, convert_tiny, files, read_tensors

pytestmark = [pytest.mark.native, pytest.mark.usefixtures("short_texts")]
FILES = ["model.gguf", "model.report.json", "model.toml"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> WrittenCheckpoint:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "gemma-tiny")


class Calibrated(NamedTuple):
    path: Path
    report: Report


@pytest.fixture(scope="module")
def calibrated(
    checkpoint: WrittenCheckpoint, tajik: Path, tmp_path_factory: pytest.TempPathFactory
) -> Calibrated:
    path = tmp_path_factory.mktemp("calibrated") / "model.gguf"
    with pytest.MonkeyPatch.context() as patch:
        shorter = partial(tokenized_texts, tokens_in_text=TOKENS_IN_TEXT)
        patch.setattr(pipeline, "tokenized_texts", shorter)
        patch.setattr(os, "cpu_count", lambda: 1)
        return Calibrated(path, convert_tiny(checkpoint.folder, path, calibration=tajik))


def off(written: WrittenCheckpoint, path: Path) -> dict[str, float]:
    """Relative error of each tensor of a GGUF against the checkpoint's values, by canonical name.
    Rows of the embedding that no piece belongs to are left out."""
    stored = read_tensors(path)
    errors = {}
    for name, values in written.weights.items():
        expected = values + 1 if gemma3.is_norm(name) else values
        if name == gemma3.EMBEDDING:
            expected = expected[: written.pieces]
        found = stored.pop(gemma3.gguf_name(name)).reshape(expected.shape)
        errors[name] = float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
    assert not stored
    return errors


@pytest.mark.parametrize(
    ("form", "wrapping"),
    [
        ("BF16", "bare"), ("F16", "bare"), ("F32", "new multimodal"), ("BF16", "multimodal"),
        ("FP8-block", "bare"), ("FP8-row", "multimodal"), ("GPTQ", "bare"),
        ("GPTQ-act-order", "bare"), ("GPTQ-asymmetric", "new multimodal"),
        ("packed", "multimodal"), ("packed-asymmetric", "bare"),
    ],
)  # fmt: skip
def test_every_storage_becomes_its_own_model(
    form: Form, wrapping: Wrapping, tmp_path: Path, output: Path
) -> None:
    written = write_checkpoint(tmp_path / "model", form=form, wrapping=wrapping, layers=2)
    report = convert_tiny(written.folder, output)
    assert files(output.parent) == FILES
    for name, error in off(written, output).items():
        limit = 0 if gemma3.is_norm(name) else 0.01 if name == gemma3.EMBEDDING else 0.12
        assert error <= limit, name
    with LlamaModel(output, vocabulary_only=True) as model:
        assert model.rows == written.pieces == report.vocabulary_rows


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_a_type_costs_its_precision_and_no_more(
    kind: Type, small: WrittenCheckpoint, output: Path
) -> None:
    report = convert_tiny(small.folder, output, type=kind)
    limits = {Type.F32: 0, Type.BF16: 0, Type.F16: 3e-4, Type.Q8_0: 0.01}
    limits |= {Type.Q4_0: 0.12, Type.IQ4_NL: 0.1}
    assert max(off(small, output).values()) <= limits[kind]
    assert kind.name in report.types


@pytest.mark.parametrize("form", ["GPTQ", "packed"])
@pytest.mark.parametrize("is_calibrated", [False, True], ids=["plain", "calibrated"])
def test_an_int4_checkpoint_on_the_grid_keeps_every_weight(
    form: Form, is_calibrated: bool, tajik: Path, tmp_path: Path, output: Path
) -> None:
    written = write_checkpoint(tmp_path / "model", form=form, layers=2)
    convert_tiny(written.folder, output, calibration=tajik if is_calibrated else None)
    stored = read_tensors(output)
    for name, values in written.weights.items():
        if name.endswith("_proj.weight"):
            np.testing.assert_array_equal(stored[gemma3.gguf_name(name)], values)


def test_calibrated_again_it_has_the_same_bytes(
    checkpoint: WrittenCheckpoint, tajik: Path, calibrated: Calibrated, output: Path
) -> None:
    convert_tiny(checkpoint.folder, output, calibration=tajik)
    assert output.read_bytes() == calibrated.path.read_bytes()


def test_calibrated_it_is_closer_on_text_held_out(calibrated: Calibrated) -> None:
    closeness = calibrated.report.closeness
    assert closeness
    assert closeness.q4_0 is None
    assert 0 < closeness.rounded.kl_divergence < 0.9 * closeness.plain.kl_divergence


def test_the_gain_of_each_step_is_reported_and_changes_no_byte(
    checkpoint: WrittenCheckpoint, tajik: Path, calibrated: Calibrated, output: Path
) -> None:
    report = convert_tiny(checkpoint.folder, output, calibration=tajik, measure_steps=True)
    assert output.read_bytes() == calibrated.path.read_bytes()
    assert report.closeness and calibrated.report.closeness
    assert report.closeness == replace(calibrated.report.closeness, steps=report.closeness.steps)
    steps = {name: found.kl_divergence for name, found in report.closeness.steps.items()}
    assert tuple(steps) == STEPS
    assert report.closeness.rounded.kl_divergence < steps[COMPENSATED] < steps[BY_INPUTS]
    assert report.closeness.plain.kl_divergence < steps[LARGEST]
    shown = [line.split("perplexity")[0].strip() for line in report.lines() if "KL div" in line]
    assert shown == [LARGEST, "plain", *STEPS[1:], "written"]


def test_what_is_calibrated_is_reported_for_each_matrix(calibrated: Calibrated) -> None:
    matrices = {
        gemma3.gguf_name(gemma3.layer_tensor(layer, name))
        for layer in range(6)
        for stage in gemma3.STAGES
        for name in stage
    }
    assert set(calibrated.report.losses) == matrices
    assert all(0 < loss < 0.05 for loss in calibrated.report.losses.values())


def test_the_report_is_json_and_its_numbers_are_the_files(calibrated: Calibrated) -> None:
    path, report = calibrated
    read = json.loads(path.with_suffix(".report.json").read_text(encoding="utf-8"))
    assert read["size_bytes"] == path.stat().st_size == sum(read["parts"].values())
    assert read["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(read["types"]) == {"Q4_0", "Q8_0", "F32"}
    assert set(read["parts"]) == {"embedding", "attention", "feed-forward", "norms", "head"}
    assert read["closeness"]["rounded"]["perplexity"] > 1
    assert set(read["tensor_errors"]) == set(read_tensors(path))
    assert read["tokenization"]["Tajik"]["equal"] == read["tokenization"]["Tajik"]["lines"]
    assert any("KL divergence" in line for line in report.lines())


def test_without_calibration_the_report_says_so(small: WrittenCheckpoint, output: Path) -> None:
    report = convert_tiny(small.folder, output)
    assert report.closeness is None
    assert not report.losses
    assert any("not calibrated" in line for line in report.lines())


def test_the_runtime_reads_the_manifest(calibrated: Calibrated) -> None:
    manifest = read_manifest(calibrated.path.with_suffix(".toml"))
    assert manifest.file_name == "model.gguf"
    assert manifest.size_bytes == calibrated.path.stat().st_size
    assert manifest.sha256 == hashlib.sha256(calibrated.path.read_bytes()).hexdigest()
    assert (manifest.license, manifest.source) == ("gemma", "gemma-tiny")
    assert manifest.quantization == "Q4_0"
    assert manifest.context_tokens == 512
    assert manifest.sampling.top_k == 64
    header = read_header(calibrated.path)
    uncounted = replace(manifest, memory_bytes=0)
    assert manifest.memory_bytes == memory_needed_bytes(uncounted, header, manifest.context_tokens)


def test_the_file_carries_its_name_and_licence(small: WrittenCheckpoint, output: Path) -> None:
    convert_tiny(small.folder, output, name="Соро 270M", license="apache-2.0")
    with LlamaModel(output, vocabulary_only=True) as model:
        assert model.metadata("general.name") == "Соро 270M"
        assert model.metadata("general.license") == "apache-2.0"
    manifest = read_manifest(output.with_suffix(".toml"))
    assert (manifest.title, manifest.name, manifest.license) == ("Соро 270M", "270m", "apache-2.0")


def test_a_size_is_used_and_never_exceeded(
    checkpoint: WrittenCheckpoint, tajik: Path, calibrated: Calibrated, output: Path
) -> None:
    most = calibrated.report.size_bytes + 40_000
    report = convert_tiny(checkpoint.folder, output, calibration=tajik, most_bytes=most)
    assert calibrated.report.size_bytes + 20_000 < output.stat().st_size <= most
    assert "Q5_0" in report.types
    assert report.closeness
    assert report.closeness.q4_0
    assert report.closeness.q4_0.kl_divergence > report.closeness.rounded.kl_divergence
    assert any(line.strip().startswith("all Q4_0") for line in report.lines())
    assert max(off(checkpoint, output).values()) < 0.4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["f16", "q4_0", "iq4_nl", "q8_0", "bf16"])
@pytest.mark.parametrize("is_calibrated", [False, True], ids=["plain", "calibrated"])
def test_a_weight_that_the_type_cannot_hold_is_named(
    kind: str, is_calibrated: bool, tajik: Path, tmp_path: Path, output: Path
) -> None:
    name, value = "model.layers.0.mlp.up_proj.weight", 3.39e38 if kind == "bf16" else 3e7

    def change(stored: Stored) -> None:
        stored[name][3, 5] = value

    folder = write_checkpoint(tmp_path / "model", form="F32", layers=1, change=change).folder
    with pytest.raises(BadTensor, match="at row 3, column 5: more than") as caught:
        convert_tiny(folder, output, type=TYPES[kind], calibration=tajik if is_calibrated else None)
    assert str(caught.value).startswith(f"{name} holds 3")
    assert not files(output.parent)


def test_a_large_weight_that_the_type_can_hold_is_kept(tmp_path: Path, output: Path) -> None:
    def change(stored: Stored) -> None:
        stored["model.layers.0.mlp.up_proj.weight"][3, 5] = 65_504

    written = write_checkpoint(tmp_path / "model", form="F32", layers=1, change=change)
    convert_tiny(written.folder, output, type=TYPES["f16"])
    assert read_tensors(output)["blk.0.ffn_up.weight"][3, 5] == 65_504


def test_a_size_that_cannot_be_reached_is_refused(small: WrittenCheckpoint, output: Path) -> None:
    with pytest.raises(
        BadTarget, match=r"takes at least 0\.\d MB, more than `--size` allows"
    ) as caught:
        convert_tiny(small.folder, output, most_bytes=50_000)
    assert files(output.parent) == []
    least = re.search(r"--size ([\d.]+)MB", caught.value.hint)
    assert least
    report = convert_tiny(small.folder, output, most_bytes=int(float(least[1]) * 1e6))
    assert report.size_bytes <= float(least[1]) * 1e6


def test_a_size_that_cannot_be_reached_is_refused_before_anything_is_measured(
    small: WrittenCheckpoint, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("tokenized_texts", "prove_vocabulary", "measured_gains"):
        monkeypatch.delattr(pipeline, step)
    with pytest.raises(BadTarget, match="takes at least"):
        convert_tiny(small.folder, output, most_bytes=50_000)
