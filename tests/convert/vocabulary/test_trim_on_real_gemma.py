"""The real Gemma 3 vocabulary, and the real 270M model: numbers for the report.

Needs SORO_GEMMA_CHECKPOINT (a Hugging Face folder), SORO_GEMMA_GGUF (the same model as a GGUF) and
SORO_TEXTS (FLORES-200, SIB-200 and the Universal Declaration).
"""

import os
import resource
import time
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.native.llama import LlamaModel
from convert.vocabulary.proof import (
    compare_tokenization,
    prove_vocabulary,
    write_vocabulary,
)
from convert.vocabulary.tokenizer import Tokenizer, fit_to_embedding, read_tokenizer
from convert.vocabulary.trim import DEFAULT_ROWS, VocabularyPlan, plan_vocabulary
from tests.convert.vocabulary.test_trim import KEPT_TEXT
from tests.convert.vocabulary_models import (
    comes_back,
    differing_logits,
    tokenizer_of,
    write_tokenizer_json,
    write_trimmed_gguf,
)

pytestmark = pytest.mark.weights


def _place(variable: str) -> Path:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])


def _texts() -> dict[str, list[str]]:
    """The lines of all texts; of a table its last column."""
    return {
        path.name: [line.split("\t")[-1] for line in path.read_text("utf-8").splitlines()]
        for path in sorted(_place("SORO_TEXTS").iterdir())
        if path.suffix in (".txt", ".tsv")
    }


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return fit_to_embedding(read_tokenizer(_place("SORO_GEMMA_CHECKPOINT")), 262_144)


@pytest.fixture(scope="module")
def plan(tokenizer: Tokenizer) -> VocabularyPlan:
    return plan_vocabulary(tokenizer)


def test_planning_takes_seconds_and_little_memory(tokenizer: Tokenizer) -> None:
    began = time.process_time()
    plan = plan_vocabulary(tokenizer)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{seconds:.1f} s, {peak} MB, {plan.groups}")
    assert plan.rows == DEFAULT_ROWS
    assert seconds < 5


def test_tajik_and_russian_keep_their_tokens(tokenizer: Tokenizer, plan: VocabularyPlan) -> None:
    found = prove_vocabulary(tokenizer, plan, _texts())
    for name, comparison in found.items():
        print(name, comparison, f"{comparison.more_tokens:+.2%}")
    for name, comparison in found.items():
        assert comparison.equal >= comparison.promised
        assert comparison.more_tokens < (0.25 if "eng" in name else 0.005)


def test_the_laws_of_trimming_hold(
    tokenizer: Tokenizer, plan: VocabularyPlan, tmp_path: Path
) -> None:
    write_vocabulary(tokenizer, tmp_path / "full.gguf")
    write_vocabulary(plan.tokenizer, tmp_path / "trimmed.gguf")
    with (
        LlamaModel(tmp_path / "full.gguf", vocabulary_only=True) as full,
        LlamaModel(tmp_path / "trimmed.gguf", vocabulary_only=True) as trimmed,
    ):

        @settings(max_examples=2000)
        @given(KEPT_TEXT)
        def same_tokens(text: str) -> None:
            assert compare_tokenization(full, trimmed, plan.kept, [text]).promised == 1

        @settings(max_examples=2000)
        @given(st.text())
        def comes_back_as_before(text: str) -> None:
            assert comes_back(full, text) <= comes_back(trimmed, text)
            assert comes_back(trimmed, text) or "▁" in text

        same_tokens()
        comes_back_as_before()


def test_tokenizer_json_gives_the_same_tokens(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_tokenizer_json(tokenizer, tmp_path)
    other = fit_to_embedding(read_tokenizer(tmp_path), 262_144)
    everything = plan_vocabulary(other, rows=None)
    for comparison in prove_vocabulary(tokenizer, everything, _texts()).values():
        assert comparison.equal == comparison.lines


def test_the_real_model_says_the_same_to_the_last_bit(tmp_path: Path) -> None:
    source = _place("SORO_GEMMA_GGUF")
    reader = gguf.GGUFReader(source)
    plan = plan_vocabulary(tokenizer_of(reader))
    write_trimmed_gguf(reader, plan, tmp_path / "trimmed.gguf")
    text = "Салом! Пойтахти Тоҷикистон кадом шаҳр аст? x² + 2πr = 17; სალამი, how are you?"
    with (
        LlamaModel(source, batch_tokens=16) as full,
        LlamaModel(tmp_path / "trimmed.gguf", batch_tokens=16) as trimmed,
    ):
        tokens = trimmed.tokenize(text, add_bos=True)
        assert differing_logits(full, trimmed, plan.kept, tokens) == 0
        assert comes_back(trimmed, text)
