"""A pupil who asks, goes back, types and restarts, and whose every answer is compared with a cold run's."""

import math
import random
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from soro_edge.chat.template import Turn, render
from soro_edge.engine.api import (
    EngineOptions,
    Finished,
    GenerationRequest,
    KvCacheType,
    Prompt,
    Sampling,
    TextPiece,
)
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.native import lib

GREEDY = Sampling(temperature=0, repeat_penalty=1)
SYSTEM = "Ту омӯзгори мактаб ҳастӣ. " * 3
F32_TOLERANCE = 5e-4
"""Of logits whose spread is about 1: another batch length moves the last bits of F32 sums. Flash
attention works in F16 inside, which alone moves them by 0.003."""


def exact(model: Path, **changes: Any) -> EngineOptions:
    """In F32 with an F32 cache and plain attention, where a state one token off shows."""
    options = EngineOptions(
        model_path=str(model),
        context_tokens=1024,
        threads=1,
        kv_cache_type=KvCacheType.F32,
        flash_attention=False,
    )
    return replace(options, **changes)


def answer(engine: LlamaEngine, prompt: Prompt, max_tokens: int) -> tuple[str, Finished]:
    """Greedily."""
    text = ""
    request = GenerationRequest(prompt=prompt, sampling=GREEDY, max_tokens=max_tokens)
    for event in engine.generate(request):
        if isinstance(event, TextPiece):
            text += event.text
        elif isinstance(event, Finished):
            return text, event
    raise AssertionError("no Finished")


def logits(engine: LlamaEngine, count: int) -> list[float]:
    """Of the last token read."""
    row = lib.llama_get_logits_ith(engine.native_context, -1)
    return [float(row[index]) for index in range(count)]


def apart(ours: list[float], theirs: list[float]) -> float:
    """The largest difference."""
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


def apart_by_spread(ours: list[float], theirs: list[float]) -> float:
    """Root mean square of the differences, in standard deviations of the logits."""
    squares = [(a - b) ** 2 for a, b in zip(ours, theirs, strict=True)]
    return math.sqrt(statistics.fmean(squares)) / statistics.pstdev(theirs)


class Pupil:
    """Does what a pupil does, and compares each answer with a cold run's."""

    def __init__(self, options: EngineOptions, cold: LlamaEngine) -> None:
        self.options = options
        self.warm = LlamaEngine(options)
        self.cold = cold
        self.conversations: list[list[Turn]] = [[], [], []]
        self.current = 0
        self.reused = 0

    @property
    def turns(self) -> list[Turn]:
        return self.conversations[self.current]

    def do(self, action: str, number: int) -> None:
        match action:
            case "ask":
                self.turns.append(Turn(question=words(number)))
                self.answer_last(number)
            case "again" if self.turns:
                self.answer_last(number)
            case "edit" if self.turns:
                del self.turns[number % len(self.turns) + 1 :]
                self.turns[-1] = Turn(question=words(number))
                self.answer_last(number)
            case "switch":
                self.current = number % 3
            case "drop" if len(self.turns) > 1:
                del self.turns[: 1 + number % (len(self.turns) - 1)]
            case "type":
                typed = [*self.turns, Turn(question=words(number))]
                self.warm.prepare(render(typed, SYSTEM, self.warm.load())[:-1])
                for _step in range(number % 7):
                    self.warm.read_ahead()
            case "restart":
                self.warm.close()
                self.warm = LlamaEngine(self.options)
            case _:
                pass

    def answer_last(self, number: int) -> None:
        info = self.warm.load()
        while True:
            asked = [*self.turns[:-1], Turn(question=self.turns[-1].question)]
            prompt = render(asked, SYSTEM, info)
            if self.warm.count_tokens([prompt])[0] < 900:
                break
            del self.turns[0]
        tokens = 3 + number % 40
        text, finished = answer(self.warm, prompt, tokens)
        self.cold.load()
        self.cold.cache.clear()
        expected, _finished = answer(self.cold, prompt, tokens)
        assert text == expected
        count = 300
        assert apart(logits(self.warm, count), logits(self.cold, count)) < F32_TOLERANCE
        assert self.warm.cache.checkpoints.total_bytes <= self.options.checkpoint_bytes
        self.turns[-1] = replace(self.turns[-1], answer=text)
        self.reused += finished.statistics.reused_tokens


def words(number: int) -> str:
    """A question of up to some 150 tokens; now and then the same one."""
    letters = random.Random(number % 60)
    return " ".join(
        letters.choice(["салом", "дарс", "ҷаҳон", "12"]) for _ in range(number % 27 + 1)
    )
