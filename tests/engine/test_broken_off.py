"""Laws of a step that is broken off in the middle of llama.cpp's graph: answer and cache as undisturbed."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from soro_edge.chat.template import Turn, render
from soro_edge.engine import watch
from soro_edge.engine.api import EngineOptions, FinishReason
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.native import AbortFlag, lib
from soro_edge.engine.watch import Clocks
from tests.engine.pupil import F32_TOLERANCE, SYSTEM, answer, apart, exact, logits, words

pytestmark = pytest.mark.native

QUESTIONS = (words(26) * 3, words(9), words(26) * 2)
"""Longer than the window of the tiny model's layers (256), so that their cells are used again."""


NODES = (1, 40, 120)
"""Of llama.cpp's graph, in turn."""


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


class Starving:
    """Lets each step of several threads starve, at one node after the other."""

    def __init__(self, engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        engine.load()
        self._engine, self._asked = engine, 0
        self.broken_off, self._writes = 0, False
        self.cases: set[tuple[bool, int]] = set()
        """Whether a token was written, and the node."""
        self._callback = lib.ggml_abort_callback(self._at_a_node)
        engine._steps.watch.close()  # its own looks would come at other nodes
        lib.llama_set_abort_callback(engine.native_context, self._callback, None)
        monkeypatch.setattr(watch, "starved", lambda threads, **_clocks: True)
        monkeypatch.setattr(engine.cache, "run", self._run(engine.cache.run))

    def _run(self, run: Callable[[Sequence[int]], bool]) -> Callable[[Sequence[int]], bool]:
        def from_the_first_node(tokens: Sequence[int]) -> bool:
            self._asked, self._writes = 0, len(tokens) == 1
            return run(tokens)

        return from_the_first_node

    def _at_a_node(self, _data: object) -> bool:
        self._asked += 1
        node = NODES[self.broken_off % len(NODES)]
        if self._asked == node:
            self._engine._steps.watch.look()
        stops = self._engine._abort._buffer.value != b""
        if stops:
            self.broken_off += 1
            self.cases.add((self._writes, node))
        return stops


def have_all_threads(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step, whatever was learned from the last one."""
    steps, do = engine._steps, engine._steps.do

    def with_all(compute: Callable[[], bool], *, tokens: int) -> bool:
        steps._writing.threads = steps._reading.threads = 2
        steps._use_threads(2, 2)
        return do(compute, tokens=tokens)

    monkeypatch.setattr(steps, "do", with_all)


def test_an_answer_after_steps_broken_off_is_the_undisturbed_one(
    two_threads: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, hurried = LlamaEngine(two_threads), LlamaEngine(two_threads)
    texts, last, cached = talk(calm)
    starving = Starving(hurried, monkeypatch)
    have_all_threads(hurried, monkeypatch)
    found = talk(hurried)
    calm.close()
    hurried.close()
    assert starving.broken_off > 60, "every step was, once"
    assert starving.cases == set(itertools.product([False, True], NODES))
    assert (found[0], found[2]) == (texts, cached)
    # Cells of the window are taken in another order, and so are sums.
    assert apart(found[1], last) < F32_TOLERANCE


def test_stop_while_a_step_is_broken_off_is_not_lost() -> None:
    flag = AbortFlag()
    flag.break_off()
    assert not flag.is_set()
    flag.set()
    flag.go_on()
    assert flag.is_set() and flag._buffer.value == b"\x01"
    flag.clear()
    assert not flag.is_set() and flag._buffer.value == b""


def test_stop_ends_an_answer_whose_step_is_broken_off(
    two_threads: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LlamaEngine(two_threads)
    starving = Starving(engine, monkeypatch)
    end = engine._steps.watch.end

    def pressed() -> tuple[Clocks, bool]:
        """At the worst moment: the order of the watch is about to be taken back."""
        engine.stop()
        return end()

    monkeypatch.setattr(engine._steps.watch, "end", pressed)
    text, finished = answer(
        engine, render([Turn(question=QUESTIONS[0])], SYSTEM, engine.load()), 24
    )
    engine.close()
    assert (text, finished.reason) == ("", FinishReason.STOPPED)
    assert starving.broken_off == 2, "by the watch, and at the new beginning by Stop"
