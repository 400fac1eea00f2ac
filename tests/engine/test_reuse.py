"""The law of reuse: whatever was kept, went back or came from the disk, answers are a cold run's.

On a tiny Gemma 3 in F32 token by token, and its logits; on the starter model, which is quantized and
rounds differently in batches of another length, its logits within a tolerance.
"""

import math
import os
import random
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soro_edge.chat.template import Turn, render
from soro_edge.engine.api import (
    EngineOptions,
    Finished,
    FinishReason,
    GenerationRequest,
    Prompt,
    Sampling,
    TextPiece,
)
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.native import lib
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths
from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3

pytestmark = pytest.mark.native

GREEDY = Sampling(temperature=0, repeat_penalty=1)
SYSTEM = "Ту омӯзгори мактаб ҳастӣ. " * 3
F32_TOLERANCE = 5e-4
"""Of logits whose spread is about 1: another batch length moves the last bits of F32 sums. Flash
attention works in F16 inside, which alone moves them by 0.003."""
QUANTIZED_TOLERANCE = 0.2
"""Root mean square of the starter model's logits apart, by their spread: another batch length alone
gives 0.07."""


@pytest.fixture(scope="module")
def long_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with room for prompts far longer than what its window layers hold (256)."""
    path = tmp_path_factory.mktemp("reuse") / "tiny.gguf"
    return write_tiny_gemma3(path, context_tokens=1024)


@pytest.fixture(scope="module")
def cold(long_model: Path) -> Iterator[LlamaEngine]:
    """Forgets everything before each answer."""
    options = EngineOptions(
        model_path=str(long_model),
        context_tokens=1024,
        threads=1,
        exact_cache=True,
        flash_attention=False,
    )
    engine = LlamaEngine(options)
    yield engine
    engine.close()


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


ACTIONS = ("ask", "ask", "ask", "again", "edit", "switch", "drop", "type", "type", "restart")


@settings(
    max_examples=40 if os.environ.get("CI") else 12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    actions=st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 10_000)), min_size=4, max_size=12
    ),
    checkpoints=st.sampled_from([0, 60_000, 10_000_000]),
)
def test_answers_after_any_history_are_a_cold_runs(
    long_model: Path,
    cold: LlamaEngine,
    tmp_path_factory: pytest.TempPathFactory,
    actions: list[tuple[str, int]],
    checkpoints: int,
) -> None:
    options = EngineOptions(
        model_path=str(long_model),
        context_tokens=1024,
        threads=1,
        exact_cache=True,
        flash_attention=False,
        checkpoint_bytes=checkpoints,
        states_folder=str(tmp_path_factory.mktemp("states")),
        model_sha256="tiny",
    )
    pupil = Pupil(options, cold)
    try:
        for action, number in actions:
            pupil.do(action, number)
    finally:
        pupil.warm.close()


def chat_prompt(engine: LlamaEngine, *questions: str) -> Prompt:
    """The starter model's form, each question but the last answered."""
    turns = [Turn(question=question, answer="Yes, that is so.") for question in questions]
    return render([*turns[:-1], Turn(question=questions[-1])], "You are a teacher.", engine.load())


def test_the_starter_models_logits_stay_within_the_tolerance(tmp_path: Path) -> None:
    folder = ModelFolder(paths=find_paths())
    path = folder.file(folder.find("smollm2-135m-instruct"))
    options = EngineOptions(
        model_path=str(path),
        context_tokens=1024,
        threads=1,
        states_folder=str(tmp_path),
        model_sha256="starter",
    )
    warm, cold = LlamaEngine(options), LlamaEngine(replace(options, states_folder=""))
    first, second = "Why is the sky blue? " * 14, "And the sea? " * 8
    sequence = [(first,), (first, second), (second,), (first, second)]
    for questions in sequence:
        prompt = chat_prompt(warm, *questions)
        _text, finished = answer(warm, prompt, 1)
        cold.load()
        cold.cache.clear()
        answer(cold, prompt, 1)
        ours, theirs = logits(warm, 5000), logits(cold, 5000)
        assert apart_by_spread(ours, theirs) < QUANTIZED_TOLERANCE
    # Back in the first conversation: its state came from the disk.
    assert finished.statistics.reused_tokens > 60
    warm.close()
    cold.close()


def test_again_after_a_long_answer_costs_one_token(long_model: Path) -> None:
    options = EngineOptions(model_path=str(long_model), context_tokens=1024, threads=1)
    engine = LlamaEngine(options)
    prompt = render([Turn(question=words(26) * 3)], SYSTEM, engine.load())
    answer(engine, prompt, 2)
    # As long an answer as overwrites every cell of the window layers.
    for _step in range(40):
        engine.cache.run(list(range(300, 312)))
    assert engine.cache.oldest_position > engine.count_tokens([prompt])[0] - 32
    _text, finished = answer(engine, prompt, 1)
    counts = finished.statistics
    assert counts.reused_tokens == counts.prompt_tokens - 1
    engine.close()


def test_again_after_a_restart_reads_the_last_question_only(
    long_model: Path, tmp_path: Path
) -> None:
    options = EngineOptions(
        model_path=str(long_model),
        context_tokens=1024,
        threads=1,
        states_folder=str(tmp_path),
        model_sha256="tiny",
    )
    engine = LlamaEngine(options)
    prompt = render([Turn(question=words(26) * 3)], SYSTEM, engine.load())
    answer(engine, prompt, 2)
    for _step in range(40):  # as long an answer as overwrites every cell of the window layers
        engine.cache.run(list(range(300, 312)))
    engine.close()
    late = LlamaEngine(options)
    _text, finished = answer(late, prompt, 1)
    counts = finished.statistics
    assert counts.reused_tokens == counts.prompt_tokens - 1
    late.close()


def test_what_was_typed_is_read_before_it_is_asked(long_model: Path) -> None:
    engine = LlamaEngine(EngineOptions(model_path=str(long_model), threads=1))
    info = engine.load()
    typed = render([Turn(question="салом ҷаҳон")], SYSTEM, info)[:-4]
    engine.prepare(typed)
    while engine.read_ahead():
        pass
    asked = render([Turn(question="салом ҷаҳон, чӣ хел?")], SYSTEM, info)
    _text, finished = answer(engine, asked, 1)
    assert finished.statistics.reused_tokens == engine.count_tokens([typed])[0]
    engine.prepare(typed)
    engine.prepare(())
    assert not engine.read_ahead()
    engine.close()


def test_stop_breaks_off_in_the_middle_of_a_batch(long_model: Path) -> None:
    options = EngineOptions(model_path=str(long_model), context_tokens=1024, threads=1)
    engine = LlamaEngine(options)
    prompt = render([Turn(question="салом " * 60)], SYSTEM, engine.load())
    expected, _finished = answer(engine, prompt, 5)
    engine.cache.clear()
    tokens = engine.tokenize(prompt)
    assert engine.cache.run(tokens[:64])
    engine.stop()
    assert not engine.cache.run(tokens[64:128]) and len(engine.cache.tokens) == 64
    assert answer(engine, prompt, 5)[0] == expected
    for event in engine.generate(GenerationRequest(prompt=prompt, sampling=GREEDY)):
        if isinstance(event, TextPiece):
            engine.stop()
    assert isinstance(event, Finished) and event.reason is FinishReason.STOPPED
    assert event.statistics.generated_tokens <= 3
    engine.close()


@pytest.mark.parametrize("fault", ["none", "cut", "flipped", "other model", "no folder"])
def test_a_faulty_saved_state_costs_time_and_no_answer(
    long_model: Path, tmp_path: Path, fault: str
) -> None:
    folder = tmp_path / "states"
    options = EngineOptions(
        model_path=str(long_model),
        context_tokens=1024,
        threads=1,
        exact_cache=True,
        flash_attention=False,
        states_folder=str(folder),
        model_sha256="tiny",
    )
    first = LlamaEngine(options)
    turns = [Turn(question=words(26) * 2)]
    text, _finished = answer(first, render(turns, SYSTEM, first.load()), 1)
    first.close()
    (file,) = folder.glob("*.state")
    data = bytearray(file.read_bytes())
    if fault == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif fault == "flipped":
        data[-100] ^= 255
        file.write_bytes(data)
    elif fault == "other model":
        options = replace(options, model_sha256="other")
    elif fault == "no folder":
        file.unlink()
        folder.rmdir()
        folder.write_text("a file in its place")
    prompt = render([replace(turns[0], answer=text), Turn(question="дуюм")], SYSTEM, first.load())
    first.close()
    late, cold = LlamaEngine(options), LlamaEngine(replace(options, states_folder=""))
    found, finished = answer(late, prompt, 8)
    assert found == answer(cold, prompt, 8)[0]
    assert (finished.statistics.reused_tokens > 300) == (fault == "none")
    late.close()
    cold.close()
