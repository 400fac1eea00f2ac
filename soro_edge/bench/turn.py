"""What a pupil waits for: whole turns of a conversation through one engine, each measured once.

A turn is a question that is prefilled behind a conversation that lies in the KV cache, and an answer that
is decoded. Knows the engine's protocol; which settings are compared is for its callers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soro_edge.bench.trial import peak_bytes
from soro_edge.engine.api import (
    Control,
    EngineOptions,
    Finished,
    GenerationRequest,
    KvCacheType,
    ModelInfo,
    Prompt,
    Sampling,
    Statistics,
    Text,
)
from soro_edge.engine.client import EngineProcess

ANSWER_TOKENS = 150
"""About 50 words of Tajik."""
_ATTEMPTS = 4
"""An answer may end early; so many are written, at most, until there are enough tokens to time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnShape:
    """How long the parts of a turn are."""

    context_tokens: int
    """Tokens of the conversation so far, which lie in the KV cache."""
    question_tokens: int
    """Tokens that are prefilled behind them."""


SHORT_TURN = TurnShape(context_tokens=100, question_tokens=60)
LONG_TURN = TurnShape(context_tokens=1500, question_tokens=300)
_SLOW_SHORT_TURN_SECONDS = 3.0
_SLOW_LONG_TURN = TurnShape(context_tokens=600, question_tokens=300)
_SLOW_ANSWER_TOKENS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTime:
    """How long one turn took."""

    prefill_seconds: float
    """To read the question and choose the first token, for exactly the turn's question_tokens."""
    decode_seconds: float
    """To write an answer of ANSWER_TOKENS."""

    @property
    def seconds(self) -> float:
        """From the question to the end of the answer."""
        return self.prefill_seconds + self.decode_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTrial:
    """The turns that one engine was measured with."""

    short: TurnTime
    long: TurnTime | None
    """None where it was not measured."""
    kv_cache_type: KvCacheType
    """The one in use, F16 or F32."""
    flash_attention: bool
    """Whether it was asked for."""
    peak_bytes: int
    """Most memory of the engine's process; 0 where the system does not say."""

    @property
    def seconds(self) -> float:
        """Of all its turns."""
        return self.short.seconds + (self.long.seconds if self.long else 0.0)


def time_turns(
    options: EngineOptions, log_file: Path, *, long: TurnShape | None, answer_tokens: int
) -> TurnTrial:
    """Start an engine, time a short turn and, where it is asked for, a long one, and end the engine.

    `answer_tokens` are really decoded; the time is scaled to ANSWER_TOKENS. Raises SoroError.
    """
    engine = EngineProcess(options, log_file=log_file)
    try:
        info = engine.load()
        book = _Book(engine, info)
        short_time = _time_turn(engine, book, SHORT_TURN, answer_tokens)
        long_time = _time_turn(engine, book, long, answer_tokens) if long else None
        return TurnTrial(
            short=short_time,
            long=long_time,
            kv_cache_type=info.kv_cache_type,
            flash_attention=info.flash_attention,
            peak_bytes=peak_bytes(engine.process_id),
        )
    finally:
        engine.close()


class TurnMeasurement:
    """Measures engines one after the other, all of them with the same turns.

    The first one shows how quick the machine is. A slow machine writes shorter answers behind a shorter
    conversation, so that measuring takes a minute or two there and not ten.
    """

    def __init__(self, log_file: Path) -> None:
        self._log_file = log_file
        self._answer_tokens = _SLOW_ANSWER_TOKENS
        self.long_turn: TurnShape | None = None
        """Known after the first trial; None where the context window has no room for one."""
        self._is_first = True

    def __call__(self, options: EngineOptions, *, long: bool) -> TurnTrial:
        """Raises SoroError."""
        trial = time_turns(
            options,
            self._log_file,
            long=self.long_turn if long else None,
            answer_tokens=self._answer_tokens,
        )
        if self._is_first:
            self._is_first = False
            slow = trial.short.seconds > _SLOW_SHORT_TURN_SECONDS
            self._answer_tokens = _SLOW_ANSWER_TOKENS if slow else ANSWER_TOKENS
            shape = _SLOW_LONG_TURN if slow else LONG_TURN
            self.long_turn = fitting(shape, options.context_tokens)
        return trial


def fitting(shape: TurnShape, context_window_tokens: int) -> TurnShape | None:
    """`shape` with a conversation that leaves room for the question and the answer; None where a short
    turn is all that fits."""
    room = context_window_tokens - shape.question_tokens - ANSWER_TOKENS - 16
    context_tokens = min(shape.context_tokens, room)
    if context_tokens <= 2 * SHORT_TURN.context_tokens:
        return None
    return TurnShape(context_tokens=context_tokens, question_tokens=shape.question_tokens)


class _Book:
    """A text of any length, each of its beginnings a prompt."""

    def __init__(self, engine: EngineProcess, info: ModelInfo) -> None:
        self._info = info
        empty, some = engine.count_tokens([self._prompt(0), self._prompt(16)])
        self._sentence_tokens = max(1.0, (some - empty) / 16)

    def beginning(self, tokens: int) -> Prompt:
        """About so many tokens, at least one sentence."""
        return self._prompt(max(1, round(tokens / self._sentence_tokens)))

    def _prompt(self, sentences: int) -> Prompt:
        text = Text("".join(_sentence(number) for number in range(sentences)))
        return (Control(self._info.bos), text) if self._info.bos else (text,)


def _sentence(number: int) -> str:
    # Sentences that differ: a text that repeats itself is continued by repeating it.
    return f"Village {number} has a school in the mountains with {number * 37 % 211} pupils. "


def _time_turn(
    engine: EngineProcess, book: _Book, shape: TurnShape, answer_tokens: int
) -> TurnTime:
    conversation = book.beginning(shape.context_tokens)
    question = book.beginning(shape.context_tokens + shape.question_tokens)
    _generate(engine, conversation, max_tokens=1, seed=0)
    first, *others = _answers(engine, question, answer_tokens)
    question_tokens = max(1, first.prompt_tokens - first.reused_tokens)
    timed = [(facts.generated_tokens - 1, facts.decode_seconds) for facts in (first, *others)]
    decoded = sum(tokens for tokens, _seconds in timed)
    seconds = sum(seconds for _tokens, seconds in timed)
    return TurnTime(
        prefill_seconds=first.first_token_seconds * shape.question_tokens / question_tokens,
        decode_seconds=seconds * (ANSWER_TOKENS - 1) / max(1, decoded),
    )


def _answers(engine: EngineProcess, prompt: Prompt, answer_tokens: int) -> Iterator[Statistics]:
    """Statistics of answers that together have so many tokens, if that takes few of them."""
    tokens = 0
    for seed in range(_ATTEMPTS):
        facts = _generate(engine, prompt, max_tokens=answer_tokens, seed=seed)
        yield facts
        tokens += facts.generated_tokens
        if tokens >= answer_tokens * 3 // 4:
            break


def _generate(engine: EngineProcess, prompt: Prompt, *, max_tokens: int, seed: int) -> Statistics:
    # Drawn from all tokens: the most probable ones would soon repeat themselves.
    sampling = Sampling(
        temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repeat_penalty=1.0, seed=seed
    )
    request = GenerationRequest(prompt=prompt, sampling=sampling, max_tokens=max_tokens)
    for event in engine.generate(request):
        if isinstance(event, Finished):
            return event.statistics
    raise AssertionError("an engine ends each answer with Finished")
