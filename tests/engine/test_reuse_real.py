"""The law of reuse on the real Gemma 3: prompts shorter and longer than its window of 512 tokens.

    SORO_GEMMA_GGUF=FILE uv run pytest -m weights tests/engine/test_reuse_real.py

`tests/real_weights.py` writes such a FILE. Quantized weights round differently in batches of another
length: logits are held to a tolerance, and to the same first choice where that is no near tie.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from soro_edge.chat.template import Turn, render
from soro_edge.engine.api import EngineOptions
from soro_edge.engine.llama import LlamaEngine
from tests.engine.pupil import answer, apart_by_spread, logits

pytestmark = [pytest.mark.weights, pytest.mark.native]

TOLERANCE = 0.25
PIECES = 20_000
SYSTEM = "Ту омӯзгори мактаб ҳастӣ ва ба хонандагон кӯтоҳ ҷавоб медиҳӣ. " * 4
QUESTIONS = (
    "Чаро осмон кабуд аст? " * 20,
    "Пойтахти Тоҷикистон кадом шаҳр аст? " * 20,
    "Ду карра ду чанд мешавад?",
)


def test_real_gemmas_logits_are_a_cold_runs(tmp_path: Path) -> None:
    file = os.environ.get("SORO_GEMMA_GGUF")
    if not file:
        pytest.skip("SORO_GEMMA_GGUF names no file")
    options = EngineOptions(
        model_path=file,
        context_tokens=2048,
        threads=2,
        states_folder=str(tmp_path),
        model_sha256="real",
    )
    warm, cold = LlamaEngine(options), LlamaEngine(replace(options, states_folder=""))
    info = warm.load()
    cold.load()
    turns: list[Turn] = []

    def compare(*, at_least: float) -> None:
        prompt = render(turns, SYSTEM, info)
        _text, finished = answer(warm, prompt, 12)
        counts = finished.statistics
        assert counts.reused_tokens >= at_least * counts.prompt_tokens
        answer(warm, prompt, 1)
        cold.cache.clear()
        answer(cold, prompt, 1)
        ours, theirs = logits(warm, PIECES), logits(cold, PIECES)
        assert apart_by_spread(ours, theirs) < TOLERANCE

    for number, question in enumerate(QUESTIONS):
        turns.append(Turn(question=question))
        compare(at_least=0.3 if number else 0)
        turns[-1] = replace(turns[-1], answer="Ин тавр аст. " * 30)
    turns[-1] = Turn(question=QUESTIONS[2])
    compare(at_least=0.9)  # again, far beyond the window
    turns[-1] = Turn(question="Се карра се чанд мешавад?")
    compare(at_least=0.9)  # edited
    long, turns = turns, [Turn(question="Салом!")]
    compare(at_least=0)  # another conversation
    turns = [*long[:-1], replace(long[-1], answer="Нӯҳ."), Turn(question="Рост?")]
    compare(at_least=0.8)  # and back, from the disk
    warm.close()
    cold.close()
