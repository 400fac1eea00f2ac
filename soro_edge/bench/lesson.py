"""A short lesson through the real ways: session, process, cache. Each wait for a first word is timed.

Knows the chat and the engine's protocol; the bare side reads the same prompts from nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from soro_edge.bench.trial import GREEDY, peak_bytes
from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.session import ChatOptions, ChatSession
from soro_edge.engine.api import (
    EngineOptions,
    GenerationEvent,
    GenerationRequest,
    Prompt,
    TextPiece,
)
from soro_edge.engine.client import EngineProcess

SYSTEM = (
    "You are a patient teacher in a school. You explain in short and simple sentences, step by step. "
    "You give an example from daily life, and at the end you ask one question about what was said. "
) * 7
QUESTIONS = (
    "Why is the sky blue at noon and red in the evening?",
    "Then why is the sea blue as well, and not red in the evening?",
    "Does the same happen on the moon?",
    "What would a bird see that flies very high?",
    "Write all of this down in three sentences for my notebook.",
)
TYPED = "How does a rainbow come about after rain, and why has it always the same colours in it?"
LETTER_SECONDS = 0.2
"""Five letters a second."""
ANSWER_TOKENS = 24


@dataclass(slots=True, kw_only=True)
class Waits:
    """Seconds to the first word and the prompts that were waited for, by name."""

    seconds: dict[str, float] = field(default_factory=dict)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    peak_bytes: int = 0


class _Heard(EngineProcess):
    """Remembers the last prompt."""

    prompt: Prompt = ()

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        self.prompt = request.prompt
        return super().generate(request)


def give_lesson(options: EngineOptions, log_file: Path, *, long_answer_tokens: int = 0) -> Waits:
    """Five turns, again, a typed and a pasted question, a start with what was saved.

    `long_answer_tokens` lengthens the conversation before the fifth turn and `again`.
    """
    waits = Waits()
    engine = _Heard(options, log_file=log_file)
    try:
        engine.load()
        session = _session(engine, ANSWER_TOKENS)
        for number, question in enumerate(QUESTIONS, 1):
            if number == 4 and long_answer_tokens:
                filler = " ".join(f"{word} and" for word in range(long_answer_tokens // 4))
                question = f"{filler} so? {question}"
            _wait(waits, f"turn {number}", engine, session, question)
        _wait(waits, "again", engine, session, None)
        _wait(waits, "pasted", engine, _fresh(engine), TYPED)
        _type(waits, engine)
        waits.peak_bytes = peak_bytes(engine.process_id)
    finally:
        engine.close()
    return waits


def wait_after_restart(options: EngineOptions, log_file: Path) -> Waits:
    """A first question to an engine that has the saved state of the system text: as the tutor does it,
    taken up at the start, and asked at once, before that."""
    waits = Waits()
    for name in ("saving", "restored", "restored when asked"):
        engine = _Heard(options, log_file=log_file)
        try:
            engine.load()
            session = _session(engine, ANSWER_TOKENS)
            if name != "restored when asked":
                session.prepare()
                _settle(engine)
            if name != "saving":
                _wait(waits, name, engine, session, QUESTIONS[0])
        finally:
            engine.close()
    return waits


def _session(engine: EngineProcess, max_tokens: int) -> ChatSession:
    options = ChatOptions(system=SYSTEM, sampling=GREEDY, max_tokens=max_tokens)
    return ChatSession(engine=engine, log=MemoryLog(), options=options)


def _fresh(engine: EngineProcess) -> ChatSession:
    """A new conversation whose system text is read, as it is when a pupil begins to write."""
    session = _session(engine, 4)
    session.prepare()
    _settle(engine)
    return session


def _type(waits: Waits, engine: "_Heard") -> None:
    session = _fresh(engine)
    for length in range(1, len(TYPED) + 1):
        time.sleep(LETTER_SECONDS)
        if TYPED[length - 1] in " ?":
            session.prepare(TYPED[:length])
    time.sleep(LETTER_SECONDS)  # Enter is a key like the others
    _wait(waits, "typed", engine, session, TYPED)


def _settle(engine: EngineProcess) -> None:
    """Until what was prepared is read: a state of an idle worker, seen by its processor time."""
    import psutil

    worker = psutil.Process(engine.process_id)
    before = -1.0
    while (now := sum(worker.cpu_times()[:2])) != before:
        before = now
        time.sleep(0.15)


def _wait(
    waits: Waits, name: str, engine: "_Heard", session: ChatSession, question: str | None
) -> None:
    began = time.perf_counter()
    events = session.again() if question is None else session.ask(question)
    for event in events:
        if isinstance(event, TextPiece) and name not in waits.seconds:
            waits.seconds[name] = time.perf_counter() - began
    waits.prompts[name] = engine.prompt
    if name not in waits.seconds:
        waits.seconds[name] = time.perf_counter() - began


def without_states(options: EngineOptions) -> EngineOptions:
    """Nothing from the disk."""
    return replace(options, states_folder="")
