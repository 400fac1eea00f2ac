"""The law of reuse: whatever was kept, went back or came from the disk, answers are a cold run's.

On a tiny Gemma 3 in F32 token by token, and its logits; on the starter model, which is quantized and
rounds differently in batches of another length, its logits within a tolerance.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soro_edge.chat.template import Turn, render
from soro_edge.engine.api import (
    EngineOptions,
    Prompt,
)
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.states import forget_conversations
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths
from tests.engine.pupil import (
    SYSTEM,
    Pupil,
    answer,
    apart_by_spread,
    exact,
    logits,
    words,
)

pytestmark = pytest.mark.native
QUANTIZED_TOLERANCE = 0.2
"""Root mean square of the starter model's logits apart, by their spread: another batch length alone
gives 0.07."""


@pytest.fixture(scope="module")
def cold(long_model: Path) -> Iterator[LlamaEngine]:
    """Forgets everything before each answer."""
    options = exact(
        long_model,
    )
    engine = LlamaEngine(options)
    yield engine
    engine.close()


ACTIONS = ("ask", "ask", "ask", "again", "edit", "switch", "drop", "type", "type", "restart")


@settings(
    max_examples=40 if os.environ.get("CI") else 12,
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
    options = exact(
        long_model,
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
    first, second, other = "Why is the sky blue? " * 14, "And the sea? " * 8, "What is snow? " * 9
    sequence = [(first,), (first, second), (other,), (first, second)]
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


@pytest.mark.parametrize("fault", ["none", "cut", "flipped", "other model", "no folder"])
def test_a_faulty_saved_state_costs_time_and_no_answer(
    long_model: Path, tmp_path: Path, fault: str
) -> None:
    folder = tmp_path / "states"
    options = exact(
        long_model,
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


def test_a_conversation_that_was_deleted_meanwhile_is_not_saved(
    long_model: Path, tmp_path: Path
) -> None:
    options = exact(long_model, states_folder=str(tmp_path), model_sha256="tiny")
    engine = LlamaEngine(options)
    deleted = render([Turn(question=words(26) * 2)], SYSTEM, engine.load())
    answer(engine, deleted, 1)
    forget_conversations(tmp_path)  # by another window
    engine.close()
    assert not list(tmp_path.glob("*.state"))
    answer(engine, deleted, 1)
    forget_conversations(tmp_path)
    answer(engine, render([Turn(question="дигар " + words(26) * 2)], SYSTEM, engine.load()), 1)
    assert not list(tmp_path.glob("*.state"))
    engine.close()
    assert len(list(tmp_path.glob("*.state"))) == 1


def test_one_long_conversation_is_saved_once_however_many_turns_are_dropped(
    long_model: Path, tmp_path: Path
) -> None:
    engine = LlamaEngine(exact(long_model, states_folder=str(tmp_path), model_sha256="tiny"))
    turns: list[Turn] = []
    dropped = 0
    for number in range(14):
        turns.append(Turn(question=words(26 + 27 * number)))
        while engine.count_tokens([render(turns, SYSTEM, engine.load())])[0] > 900:
            del turns[0]
            dropped += 1
        text, _finished = answer(engine, render(turns, SYSTEM, engine.load()), 8)
        turns[-1] = replace(turns[-1], answer=text)
    assert dropped > 3 and not list(tmp_path.glob("*.state"))
    engine.close()
    assert len(list(tmp_path.glob("*.state"))) == 1
