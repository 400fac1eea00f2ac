"""The layers in numpy that calibration goes through are those that llama.cpp computes."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from llama_cpp import llama_cpp

from convert.native.llama import LlamaModel
from convert.quantize.bit_allocation import Type
from convert.weights import Matrix
from tests.convert.checkpoints import write_checkpoint
from tests.convert.conversions import convert_tiny, exact_model, log_probabilities

TOKENS = 150
"""More than twice the sliding window of 64."""


def normed(logits: Matrix) -> Matrix:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    found: Matrix = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


@pytest.fixture
def exact_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp computes attention in F32, where its default is F16: what stays is its table of GELU."""

    def in_f32() -> Any:
        wanted = default()
        wanted.type_k = wanted.type_v = int(gguf.GGMLQuantizationType.F32)
        wanted.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return wanted

    default = llama_cpp.llama_context_default_params
    monkeypatch.setattr(llama_cpp, "llama_context_default_params", in_f32)


@pytest.mark.native
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rope_scaling": {"rope_type": "linear", "factor": 8.0}},
        {"final_logit_softcapping": 2.0},
        {"query_pre_attn_scalar": 32, "num_attention_heads": 4, "num_key_value_heads": 2},
    ],
    ids=["plain", "scaled rope", "softcapping", "shared keys"],
)
def test_the_numpy_model_computes_what_llama_cpp_computes(
    changes: dict[str, Any], tmp_path: Path, exact_cache: None
) -> None:
    heads = {key: value for key, value in changes.items() if key.startswith("num_")}
    folder = write_checkpoint(tmp_path / "model", sizes=heads, config_changes=changes).folder
    convert_tiny(folder, tmp_path / "model.gguf", type=Type.F32)
    model = exact_model(folder)
    ids = np.random.default_rng(5).integers(3, model.config.vocabulary_rows, (2, TOKENS)).tolist()
    ours = log_probabilities(model, ids)
    with LlamaModel(tmp_path / "model.gguf", threads=1) as llama:
        for text, found in zip(ids, ours, strict=True):
            theirs = llama.logits(text)
            assert theirs.std(axis=1).mean() > 0.05, "logits that say nothing prove nothing"
            np.testing.assert_allclose(found, normed(theirs), atol=2e-3)


def test_a_text_is_computed_alike_alone_and_among_others(tmp_path: Path) -> None:
    model = exact_model(write_checkpoint(tmp_path / "model").folder)
    ids = np.random.default_rng(6).integers(3, model.config.vocabulary_rows, (3, 80)).tolist()
    together = log_probabilities(model, ids)
    np.testing.assert_allclose(log_probabilities(model, ids[1:2])[0], together[1], atol=1e-4)


def test_later_tokens_change_nothing_before_them(tmp_path: Path) -> None:
    model = exact_model(write_checkpoint(tmp_path / "model").folder)
    ids = np.random.default_rng(7).integers(3, model.config.vocabulary_rows, (1, 100)).tolist()
    other = [[*ids[0][:60], *reversed(ids[0][60:])]]
    before, after = log_probabilities(model, ids)[0], log_probabilities(model, other)[0]
    np.testing.assert_allclose(after[:60], before[:60], atol=1e-4)
    assert np.abs(after[60:] - before[60:]).max() > 0.01
