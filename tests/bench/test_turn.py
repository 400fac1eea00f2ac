"""A turn is timed on a real engine: its question is read behind the conversation, its answer is scaled."""

from pathlib import Path

import pytest

from soro_edge.bench.turn import (
    ANSWER_TOKENS,
    LONG_TURN,
    SHORT_TURN,
    TurnMeasurement,
    TurnShape,
    fitting,
    time_turns,
)
from soro_edge.engine.api import EngineOptions, KvCacheType
from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    file = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny_gemma3(file, context_tokens=1024)
    return EngineOptions(model_path=str(file), context_tokens=1024, threads=1)


@pytest.mark.native
def test_a_short_and_a_long_turn_are_timed(options: EngineOptions, tmp_path: Path) -> None:
    long_turn = TurnShape(context_tokens=300, question_tokens=100)
    trial = time_turns(options, tmp_path / "engine.log", long=long_turn, answer_tokens=20)
    assert trial.long is not None
    for turn in (trial.short, trial.long):
        assert turn.prefill_seconds > 0 and turn.decode_seconds > 0
        assert turn.seconds == turn.prefill_seconds + turn.decode_seconds
    assert trial.seconds == trial.short.seconds + trial.long.seconds
    assert trial.kv_cache_type is not KvCacheType.AUTO


@pytest.mark.native
def test_the_first_trial_decides_how_long_the_turns_of_all_others_are(
    options: EngineOptions, tmp_path: Path
) -> None:
    measure = TurnMeasurement(tmp_path / "engine.log")
    assert measure.long_turn is None
    assert measure(options, long=False).long is None
    assert measure.long_turn is not None
    assert measure(options, long=True).long is not None


def test_a_conversation_is_shortened_to_a_small_context_window() -> None:
    assert fitting(LONG_TURN, 2048) == LONG_TURN
    shortened = fitting(LONG_TURN, 1024)
    assert shortened is not None
    used = shortened.context_tokens + shortened.question_tokens + ANSWER_TOKENS
    assert 1000 <= used <= 1024
    assert fitting(LONG_TURN, 512) is None
    assert SHORT_TURN.context_tokens + SHORT_TURN.question_tokens + ANSWER_TOKENS < 512
