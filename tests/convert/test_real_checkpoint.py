"""The real Gemma 3 270M is read whole."""

from pathlib import Path

import pytest
import sentencepiece

from convert.checkpoint.checkpoint import open_checkpoint

pytestmark = pytest.mark.weights


def test_every_tensor_is_there_and_finite(real_checkpoint: Path) -> None:
    checkpoint = open_checkpoint(real_checkpoint)
    assert checkpoint.said == ()
    assert len(checkpoint.tensors) == 236
    for source in checkpoint.tensors.values():
        rows = source.shape[0] if len(source.shape) == 2 else 1
        for begin in range(0, rows, 4096):
            source.rows(begin, min(begin + 4096, rows))


def test_the_tokenizer_is_gemmas(real_checkpoint: Path) -> None:
    tokenizer = sentencepiece.SentencePieceProcessor(
        model_file=str(real_checkpoint / "tokenizer.model")
    )
    assert tokenizer.vocab_size() == 262_144
    tokens = tokenizer.encode("<start_of_turn>user\nСалом  ҷаҳон<end_of_turn>\n")
    assert tokens[:3] == [105, 2364, 107]
    assert tokens[-2:] == [106, 107]
    assert tokenizer.decode(tokens[3:-2]) == "Салом  ҷаҳон"
