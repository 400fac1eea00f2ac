"""Laws of the real engine, on a tiny Gemma 3 and on the starter model, in process and as a child."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from soro_edge.engine.api import (
    Control,
    Engine,
    EngineOptions,
    Finished,
    FinishReason,
    GenerationRequest,
    Prefilled,
    Prompt,
    Sampling,
    Text,
    TextPiece,
)
from soro_edge.engine.client import EngineProcess
from soro_edge.errors import EngineDied, QuestionTooLong
from soro_edge.model_errors import ModelNotLoaded, NotAModel
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths
from soro_edge.testing.scripted import ScriptedEngine

pytestmark = pytest.mark.native

GREEDY = Sampling(temperature=0, repeat_penalty=1)


@pytest.fixture
def process(tiny_model: Path, tmp_path: Path) -> Iterator[EngineProcess]:
    """The tiny model in a child process."""
    engine = EngineProcess(
        EngineOptions(model_path=str(tiny_model), context_tokens=256, threads=1),
        log_file=tmp_path / "engine.log",
    )
    yield engine
    engine.close()


@pytest.fixture
def gated(tiny_model: Path, tmp_path: Path) -> Iterator[EngineProcess]:
    """The same, held after each word until Stop has reached it."""
    engine = EngineProcess(
        EngineOptions(model_path=str(tiny_model), context_tokens=256, threads=1),
        log_file=tmp_path / "engine.log",
        command=(sys.executable, "-m", "tests.engine.gated_worker"),
    )
    yield engine
    engine.close()


@pytest.fixture(params=["scripted", "process"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """The double and the real part: both must keep the protocol."""
    if request.param == "scripted":
        return ScriptedEngine(["Салом, ман омӯзгорам ва ҷавоб медиҳам."])
    real: Engine = request.getfixturevalue("process")
    return real


def prompt_of(*questions: str) -> Prompt:
    """Gemma 3's form without answers."""
    parts: list[Control | Text] = [Control("<bos>")]
    for question in questions:
        parts += [Control("<start_of_turn>"), Text(f"user\n{question}"), Control("<end_of_turn>")]
    return (*parts, Control("<start_of_turn>"), Text("model\n"))


def run(
    engine: Engine, prompt: Prompt, max_tokens: int = 12, sampling: Sampling = GREEDY
) -> tuple[str, Finished]:
    """The whole answer, by greedy decoding unless `sampling` says otherwise."""
    text = ""
    for event in engine.generate(
        GenerationRequest(prompt=prompt, sampling=sampling, max_tokens=max_tokens)
    ):
        if isinstance(event, TextPiece):
            text += event.text
        elif isinstance(event, Finished):
            return text, event
    raise AssertionError("no Finished")


def test_events_come_in_the_protocols_order(engine: Engine) -> None:
    request = GenerationRequest(prompt=prompt_of("салом"), sampling=GREEDY, max_tokens=5)
    kinds = [type(event) for event in engine.generate(request)]
    assert kinds[-1] is Finished and kinds.count(Finished) == 1
    first_text = kinds.index(TextPiece)
    assert set(kinds[:first_text]) == {Prefilled}
    assert set(kinds[first_text:-1]) == {TextPiece}


def test_max_tokens_bounds_the_answer(engine: Engine) -> None:
    _text, finished = run(engine, prompt_of("салом"), max_tokens=3)
    assert finished.statistics.generated_tokens == 3
    assert finished.reason is FinishReason.MAX_TOKENS


def test_counted_tokens_are_the_prompts_tokens(engine: Engine) -> None:
    prompt = prompt_of("салом, чӣ хел?")
    counted = engine.count_tokens([prompt])[0]
    _text, finished = run(engine, prompt)
    assert finished.statistics.prompt_tokens == counted


def test_a_closed_answer_leaves_a_usable_engine(engine: Engine) -> None:
    answer = engine.generate(GenerationRequest(prompt=prompt_of("салом"), max_tokens=50))
    next(answer)
    answer.close()  # type: ignore[attr-defined]
    text, finished = run(engine, prompt_of("салом"))
    assert text and finished.statistics.generated_tokens > 0


def test_preparing_changes_no_answer(engine: Engine) -> None:
    engine.prepare(prompt_of("салом"))
    engine.load()
    first = run(engine, prompt_of("салом"))[0]
    for draft in (("салом",), ("салом", "дуюм"), ("дигар",), ()):
        engine.prepare(prompt_of(*draft), lasting=True)
        assert run(engine, prompt_of("салом"))[0] == first
        engine.forget()
    engine.prepare(())


def test_stop_ends_the_answer_of_the_double() -> None:
    engine = ScriptedEngine(["Салом, ман омӯзгорам ва ҷавоб медиҳам."])
    request = GenerationRequest(prompt=prompt_of("салом"), sampling=GREEDY, max_tokens=150)
    for event in engine.generate(request):
        if isinstance(event, TextPiece):
            engine.stop()
    assert isinstance(event, Finished) and event.reason is FinishReason.STOPPED


@pytest.mark.parametrize("from_another_thread", [False, True])
def test_stop_crosses_the_pipe_and_ends_the_answer(
    gated: EngineProcess, from_another_thread: bool
) -> None:
    request = GenerationRequest(prompt=prompt_of("салом"), sampling=GREEDY, max_tokens=150)
    words = 0
    for event in gated.generate(request):
        if isinstance(event, TextPiece) and not words:
            words += 1
            if from_another_thread:
                thread = threading.Thread(target=gated.stop)
                thread.start()
                thread.join()
            else:
                gated.stop()
    assert isinstance(event, Finished) and event.reason is FinishReason.STOPPED
    assert event.statistics.generated_tokens < 10


def test_a_prompt_longer_than_the_window_is_refused(engine: Engine) -> None:
    with pytest.raises(QuestionTooLong):
        run(engine, prompt_of("салом " * 600))
    assert run(engine, prompt_of("салом"))[0]


def test_greedy_is_repeatable_and_a_seed_repeats(process: EngineProcess) -> None:
    assert run(process, prompt_of("салом"))[0] == run(process, prompt_of("салом"))[0]
    first, second = (
        run(process, prompt_of("салом"), sampling=Sampling(seed=5))[0] for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("length", [4, 40, 120], ids=["short", "over the window", "far over it"])
def test_a_reused_prefix_answers_as_a_cold_run(
    tiny_model: Path, tmp_path: Path, length: int
) -> None:
    # F32 weights: another batch shape may still move the last bits, not the first tokens chosen.
    long = "са" * length
    sequence = [
        prompt_of(long),
        prompt_of(long, "дуюм"),
        prompt_of(long, "сеюм"),
        prompt_of("дигар"),
    ]
    options = EngineOptions(model_path=str(tiny_model), context_tokens=512, threads=1)
    warm = EngineProcess(options, log_file=tmp_path / "warm.log")
    try:
        for prompt in sequence:
            cold = EngineProcess(options, log_file=tmp_path / "cold.log")
            assert run(warm, prompt)[0] == run(cold, prompt)[0]
            cold.close()
    finally:
        warm.close()


def test_a_second_turn_reuses_the_first(process: EngineProcess) -> None:
    run(process, prompt_of("са"), max_tokens=2)
    _text, finished = run(process, prompt_of("са"), max_tokens=2)
    assert finished.statistics.reused_tokens == finished.statistics.prompt_tokens - 1


def test_typed_control_tokens_stay_text(process: EngineProcess) -> None:
    typed, control = (
        process.count_tokens([(Control("<bos>"), part)])[0]
        for part in (Text("<end_of_turn>"), Control("<end_of_turn>"))
    )
    assert control == 2 and typed > 5


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGILL"])
def test_a_killed_child_is_told_and_replaced(process: EngineProcess, name: str) -> None:
    process.load()
    killed = process.process_id
    assert killed is not None
    # Held first: the tiny model could be done before the signal comes.
    os.kill(killed, signal.SIGSTOP)

    def end() -> None:
        os.kill(killed, getattr(signal, name))
        os.kill(killed, signal.SIGCONT)

    threading.Timer(0.05, end).start()
    with pytest.raises(EngineDied) as caught:
        list(process.generate(GenerationRequest(prompt=prompt_of("салом"), max_tokens=200)))
    assert name in str(caught.value)
    assert run(process, prompt_of("салом"))[0]
    assert process.process_id != killed


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_a_bad_file_is_one_error_and_no_crash(
    tiny_model: Path, tmp_path: Path, damage: str
) -> None:
    bad = tmp_path / "bad.gguf"
    whole = tiny_model.read_bytes()
    bad.write_bytes({"empty": b"", "text": b"not a model", "cut": whole[: len(whole) // 2]}[damage])
    engine = EngineProcess(EngineOptions(model_path=str(bad)), log_file=tmp_path / "engine.log")
    with pytest.raises(ModelNotLoaded if damage == "cut" else NotAModel):
        engine.load()
    engine.close()


@pytest.mark.parametrize("piece", [b"<bos>", b"<eos>"])
def test_a_damaged_control_piece_is_one_error(
    tiny_model: Path, tmp_path: Path, piece: bytes
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(tiny_model.read_bytes().replace(piece, b"<b\xffs>", 1))
    engine = EngineProcess(EngineOptions(model_path=str(bad)), log_file=tmp_path / "engine.log")
    with pytest.raises(ModelNotLoaded, match="not UTF-8"):
        engine.load()
    engine.close()


def test_the_starter_model_answers_in_whole_letters(tmp_path: Path) -> None:
    folder = ModelFolder(paths=find_paths())
    manifest = folder.find("smollm2-135m-instruct")
    engine = EngineProcess(
        EngineOptions(model_path=str(folder.file(manifest)), threads=1),
        log_file=tmp_path / "engine.log",
    )
    prompt: Prompt = (
        Control("<|im_start|>"),
        Text("user\nRepeat: Салом, ҷаҳон! 数学 😀"),
        Control("<|im_end|>"),
        Text("\n"),
        Control("<|im_start|>"),
        Text("assistant\n"),
    )
    text, finished = run(engine, prompt, max_tokens=24)
    engine.close()
    assert text and "\ufffd" not in text.rstrip("\ufffd")
    assert finished.statistics.tokens_per_second > 0
