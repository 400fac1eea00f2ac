"""Laws of a step that is broken off in the middle of llama.cpp's graph: answer and cache as undisturbed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soro_edge.chat.template import Turn, render
from soro_edge.engine import watch
from soro_edge.engine.api import EngineOptions, FinishReason
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.native import AbortFlag, lib
from tests.engine.pupil import SYSTEM, answer, exact, logits, words

pytestmark = pytest.mark.native

QUESTIONS = (words(26) * 3, words(9), words(26) * 2)
"""Longer than the window of the tiny model's layers (256), so that their cells are used again."""


@pytest.fixture
def two_threads(long_model: Path) -> EngineOptions:
    return exact(long_model, threads=2, prefill_batch_tokens=64)


def talk(engine: LlamaEngine) -> tuple[list[str], list[float], list[int]]:
    """Three turns; what was answered, the last logits, and what the cache holds."""
    turns: list[Turn] = []
    texts = []
    for question in QUESTIONS:
        prompt = render([*turns, Turn(question=question)], SYSTEM, engine.load())
        text, finished = answer(engine, prompt, 24)
        assert finished.reason is not FinishReason.STOPPED
        turns.append(Turn(question=question, answer=text))
        texts.append(text)
    return texts, logits(engine, 300), engine.cache.tokens


@pytest.fixture
def starve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[LlamaEngine, int], list[int]]]:
    """Lets every step of several threads starve at a node of the graph; counts how often."""
    callbacks = []

    def begin(engine: LlamaEngine, node: int) -> list[int]:
        engine.load()
        monkeypatch.setattr(watch, "starved", lambda threads, **_clocks: True)
        broken: list[int] = []
        asked = [0]

        def at_a_node(_data: object) -> bool:
            asked[0] += 1
            if asked[0] == node:
                engine._steps.watch.look()
            stop = engine._abort._buffer[0] != b"\x00"
            if stop:
                broken.append(asked[0])
                # Every pace has its threads back: the next step starves as well.
            return stop

        run = engine.cache.run

        def from_the_first_node(tokens: list[int]) -> bool:
            asked[0] = 0
            return run(tokens)

        monkeypatch.setattr(engine.cache, "run", from_the_first_node)
        callback = lib.ggml_abort_callback(at_a_node)
        callbacks.append(callback)
        lib.llama_set_abort_callback(engine.native_context, callback, None)
        return broken

    yield begin


@pytest.mark.parametrize("node", [1, 40, 200])
def test_an_answer_after_steps_broken_off_is_the_undisturbed_one(
    two_threads: EngineOptions,
    starve: Callable[[LlamaEngine, int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    node: int,
) -> None:
    calm, hurried = LlamaEngine(two_threads), LlamaEngine(two_threads)
    try:
        expected = talk(calm)
        broken = starve(hurried, node)
        steps = hurried._steps
        do = steps.do

        def with_all_threads(compute: Callable[[], bool], *, tokens: int) -> bool:
            steps._writing.threads = steps._reading.threads = 2
            steps._use_threads(2, 2)
            return do(compute, tokens=tokens)

        monkeypatch.setattr(steps, "do", with_all_threads)
        found = talk(hurried)
        assert found == expected, "tokens, logits to the last bit, and the cache"
        assert len(broken) > 60, "every step was broken off once"
    finally:
        calm.close()
        hurried.close()


def test_stop_while_a_step_is_broken_off_is_not_lost() -> None:
    flag = AbortFlag()
    flag.break_off()
    assert not flag.is_set()
    flag.set()
    flag.go_on()
    assert flag.is_set() and flag._buffer.value == b"\x01"
    flag.clear()
    assert not flag.is_set() and flag._buffer.value == b""


def test_stop_ends_an_answer_whose_steps_are_broken_off(
    two_threads: EngineOptions,
    starve: Callable[[LlamaEngine, int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = LlamaEngine(two_threads)
    starve(engine, 5)
    go_on = engine._abort.go_on
    # The worst moment: the order of the watch is just about to be taken back.
    monkeypatch.setattr(engine._abort, "go_on", lambda: (engine.stop(), go_on()))
    prompt = render([Turn(question=QUESTIONS[0])], SYSTEM, engine.load())
    text, finished = answer(engine, prompt, 24)
    engine.close()
    assert (text, finished.reason) == ("", FinishReason.STOPPED)
    assert engine._steps._reading.threads == 1
