"""What is reused costs nothing: going back, a restart, what was typed; and Stop breaks off at once."""

from pathlib import Path

import pytest

from soro_edge.chat.template import Turn, render
from soro_edge.engine.api import (
    EngineOptions,
    Finished,
    FinishReason,
    GenerationRequest,
    TextPiece,
)
from soro_edge.engine.llama import LlamaEngine
from tests.engine.pupil import GREEDY, SYSTEM, answer, words

pytestmark = pytest.mark.native


def overwrite_the_window(engine: LlamaEngine) -> None:
    """As long an answer as takes every cell of the window layers."""
    for _step in range(40):
        engine.cache.run(list(range(300, 312)))


def test_again_after_a_long_answer_costs_one_token(long_model: Path) -> None:
    options = EngineOptions(model_path=str(long_model), context_tokens=1024, threads=1)
    engine = LlamaEngine(options)
    prompt = render([Turn(question=words(26) * 3)], SYSTEM, engine.load())
    answer(engine, prompt, 2)
    overwrite_the_window(engine)
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
    overwrite_the_window(engine)
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
