"""llama.cpp behind the converter's narrow door."""

from pathlib import Path

import numpy as np
import pytest

from convert.errors import VerificationFailed
from convert.native.llama import LlamaModel

pytestmark = pytest.mark.native
TEXT = "салом, ҷаҳон! <end_of_turn> 日本"


def test_tokens_give_the_text_again(tiny_model: Path) -> None:
    with LlamaModel(tiny_model, vocabulary_only=True) as model:
        assert model.detokenize(model.tokenize(TEXT)).decode() == TEXT
        with_control = model.tokenize(TEXT, add_bos=True, parse_special=True)
        assert with_control[0] == model.bos
        assert model.end_of_turn in with_control
        assert model.detokenize(with_control, special=True).decode() == "<bos>" + TEXT


def test_logits_do_not_depend_on_what_was_run_before(tiny_model: Path) -> None:
    with LlamaModel(tiny_model, batch_tokens=8, threads=1) as model:
        tokens = model.tokenize(TEXT, add_bos=True)
        first = model.logits(tokens)
        assert first.shape == (len(tokens), model.rows)
        assert first.dtype == np.float32
        model.generate(tokens[:4], 5)
        np.testing.assert_array_equal(model.logits(tokens), first)
        np.testing.assert_array_equal(model.logits(tokens[:8]), first[:8])


def test_generated_tokens_are_the_likeliest(tiny_model: Path) -> None:
    with LlamaModel(tiny_model, threads=1) as model:
        tokens = model.tokenize(TEXT, add_bos=True)
        answer = model.generate(tokens, 4)
        assert len(answer) <= 4
        assert answer[0] == int(model.logits(tokens)[-1].argmax())


def test_metadata_is_text(tiny_model: Path) -> None:
    with LlamaModel(tiny_model, vocabulary_only=True) as model:
        assert model.metadata("general.name") == "Tiny Gemma 3"
        assert model.metadata("no.such.key") is None


def test_nothing_is_printed(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with LlamaModel(tiny_model, threads=1) as model:
        model.generate(model.tokenize("салом"), 2)
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_loaded_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"no model at all")
    with pytest.raises(VerificationFailed, match=r"cannot load bad\.gguf: .*magic"):
        LlamaModel(tmp_path / "bad.gguf")


def test_a_vocabulary_cannot_run(tiny_model: Path) -> None:
    with (
        LlamaModel(tiny_model, vocabulary_only=True) as model,
        pytest.raises(RuntimeError, match="only the vocabulary"),
    ):
        model.logits([1])
