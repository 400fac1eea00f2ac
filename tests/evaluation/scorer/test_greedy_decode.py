"""Texts that are decoded side by side are those that are decoded alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soro_edge.engine.native import lib
from soro_edge.evaluation.scorer.greedy_decode import greedy_decode
from soro_edge.evaluation.scorer.scorer import Scorer


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Iterator[Scorer]:
    with Scorer(tiny_model, context_tokens=256, threads=1, exact=True) as scorer:
        yield scorer


def alone(scorer: Scorer, prompt: tuple[int, ...], count: int) -> str:
    """Token by token, each time from the beginning."""
    tokens = list(prompt)
    for _ in range(count):
        token = int(np.concatenate(list(scorer.logits(tokens)))[-1].argmax())
        if scorer.vocabulary.is_end(token):
            break
        tokens.append(token)
    return scorer.detokenize(tokens[len(prompt) :]).strip()


@pytest.mark.native
def test_side_by_side_is_alone(scorer: Scorer) -> None:
    texts = [
        "салом",
        "савол: чанд?",
        "савол: чаро?",
        "савол: чаро?",
        "м" * 60,
        "",
        "аз",
        "бо",
        "ва",
    ]
    prompts = [tuple(scorer.tokenize(text)) for text in texts]
    wanted = [alone(scorer, prompt, 6) for prompt in prompts]
    assert len(set(wanted)) > 4
    assert greedy_decode(scorer, prompts, max_tokens=6, stop=()) == wanted
    assert greedy_decode(scorer, prompts[:2], max_tokens=6, stop=()) == wanted[:2]


@pytest.mark.native
def test_fewer_are_written_at_once_where_memory_is_short(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, tried = lib.llama_init_from_model, []

    def little_memory(model: int, wanted: Any) -> int | None:
        tried.append(wanted.n_ctx)
        return make(model, wanted) if wanted.n_ctx <= 4096 else None

    monkeypatch.setattr(lib, "llama_init_from_model", little_memory)
    with Scorer(tiny_model, context_tokens=256, threads=1, exact=True) as scorer:
        prompts = [tuple(scorer.tokenize(text * 200)) for text in ("аз", "бо", "ва")]
        each = max(map(len, prompts)) + 4
        assert 8 * each > 4096 - 1024 >= 2 * each
        texts = greedy_decode(scorer, prompts, max_tokens=4, stop=())
        assert len(tried) > 2
        assert texts == [alone(scorer, prompt, 4) for prompt in prompts]


@pytest.mark.native
def test_it_ends_before_the_stop(scorer: Scorer) -> None:
    prompt = tuple(scorer.tokenize("салом"))
    [whole] = greedy_decode(scorer, [prompt], max_tokens=8, stop=())
    stop = whole[len(whole) // 2 :][:2]
    assert greedy_decode(scorer, [prompt], max_tokens=8, stop=(stop,)) == [
        whole.partition(stop)[0].strip()
    ]
