"""The same items give the same log-likelihoods and the same accuracy as lm-evaluation-harness.

Its numbers lie in golden/harness.json, from transformers in float32 on the tiny checkpoint. To make
them anew, with an interpreter that has torch, transformers, accelerate, sentencepiece and lm_eval:

    SORO_HARNESS_PYTHON=PYTHON uv run pytest -m harness tests/evaluation

which runs the harness, compares with its fresh numbers, and replaces the file where it differs.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.quantize.bit_allocation import Type
from soro_edge.evaluation.benchmarks.dataset import read_data
from soro_edge.evaluation.benchmarks.prompts import Prompts
from soro_edge.evaluation.benchmarks.scoring import scoring_of
from soro_edge.evaluation.results import ItemScore, Metric
from soro_edge.evaluation.scorer.prefix_tree import Request
from soro_edge.evaluation.scorer.scorer import Scorer
from tests.convert.conversions import convert_tiny
from tests.evaluation.tiny_benchmark import SHOTS, our_task, write_data, write_model

pytestmark = pytest.mark.native

GOLDEN = Path(__file__).parent / "golden" / "harness.json"
REFERENCE = Path(__file__).parent / "harness_reference.py"
ABSOLUTE, RELATIVE = 3e-3, 1e-4
"""For the log-likelihood of one answer: llama.cpp reads GELU from a table of 16-bit numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiny:
    checkpoint: Path
    model: Path
    data: Path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("harness")
    checkpoint, data = write_model(folder / "checkpoint"), write_data(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        # Threads wait for each other: on a busy machine one is far faster.
        patch.setattr(os, "cpu_count", lambda: 1)
        convert_tiny(checkpoint, folder / "model.gguf", type=Type.F32)
    return Tiny(checkpoint=checkpoint, model=folder / "model.gguf", data=data)


def ours(tiny: Tiny, name: str) -> tuple[list[ItemScore], tuple[Metric, ...]]:
    task = our_task(name)
    data = read_data(task, tiny.data)
    assert not data.bad
    prompts = Prompts(task, data.examples[: SHOTS[name] + 1], SHOTS[name])
    method = scoring_of(task)
    with Scorer(tiny.model, context_tokens=4096, threads=1, exact=True) as scorer:
        asked = [method.ask(scorer, prompts.of(item), 4096) for item in data.items]
        assert not any(one.cut for one in asked)
        scores = method.score(scorer, asked)
    return scores, method.metrics(scores)


def compare(tiny: Tiny, theirs: dict[str, Any]) -> None:
    for name in SHOTS:
        scores, metrics = ours(tiny, name)
        wanted = theirs[name]["log_likelihoods"]
        found = [
            [score.values[f"log_likelihood_{number}"] for number in range(len(row))]
            for score, row in zip(scores, wanted, strict=True)
        ]
        assert np.std(wanted, axis=1).mean() > 0.5, "choices that are all alike prove nothing"
        np.testing.assert_allclose(found, wanted, atol=ABSOLUTE, rtol=RELATIVE, err_msg=name)
        for metric in metrics:
            if metric.name in theirs[name]["metrics"]:
                assert metric.value == theirs[name]["metrics"][metric.name]
                assert metric.standard_error == pytest.approx(
                    theirs[name]["metrics"][f"{metric.name}_stderr"]
                )
    compare_texts(tiny, theirs["texts"]["log_likelihoods"])


def compare_texts(tiny: Tiny, wanted: list[list[float]]) -> None:
    """The harness begins a text of this tokenizer with two <bos>, we with one: its numbers are compared
    with ours for the text that it asks about."""
    with Scorer(tiny.model, context_tokens=4096, threads=1, exact=True) as scorer:
        lines = (tiny.data / "texts.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["text"] for line in lines]
        begin = (scorer.begin_token,)
        requests = [
            Request(context=begin, continuation=tuple(scorer.tokenize(text))) for text in texts
        ]
        found = list(scorer.log_likelihoods(requests))
    np.testing.assert_allclose(
        [one.total for one in found], [one for [one] in wanted], atol=ABSOLUTE, rtol=RELATIVE
    )


def test_the_harness_numbers(tiny: Tiny) -> None:
    compare(tiny, json.loads(GOLDEN.read_text(encoding="utf-8")))


@pytest.mark.harness
def test_a_fresh_run_of_the_harness(tiny: Tiny, tmp_path: Path) -> None:
    python = os.environ.get("SORO_HARNESS_PYTHON")
    if not python:
        pytest.skip("SORO_HARNESS_PYTHON names no interpreter with torch, transformers and lm_eval")
    result = tmp_path / "harness.json"
    command = [python, str(REFERENCE), str(tiny.checkpoint), str(tiny.data), str(result)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment)
    theirs = json.loads(result.read_text(encoding="utf-8"))
    compare(tiny, theirs)
    GOLDEN.write_bytes(result.read_bytes())
