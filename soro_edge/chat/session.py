"""One conversation, question by question: store, fit, render, generate, store while it streams.

The TUI, `soro chat` and `soro ask` all run this session. It knows an Engine and a MessageLog, no
process, no SQLite and no screen. It is not for several threads, but `stop` and `prepare` may come
from any.
"""

import contextlib
import re
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from soro_edge.chat.letters import can_be_seen, clean
from soro_edge.chat.messages import AnswerState, MessageLog
from soro_edge.chat.template import Turn, render, render_beginning
from soro_edge.chat.turns import answered_turns, ends_a_sentence, turns_of, whole_words
from soro_edge.chat.window import first_turn_kept
from soro_edge.control_characters import without_control_characters
from soro_edge.engine.api import (
    Engine,
    Finished,
    FinishReason,
    GenerationRequest,
    ModelInfo,
    Prefilled,
    Prompt,
    Sampling,
    Statistics,
    TextPiece,
)
from soro_edge.errors import (
    ConversationGone,
    EmptyQuestion,
    EngineError,
    NothingToRepeat,
    SoroError,
    StorageError,
)

STORE_EVERY_SECONDS = 0.5
"""A power cut loses at most so much of an answer."""

ANSWER_SHARE = 4
"""At least a fourth of the context window (or max_tokens, if less) is left to the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """How the tutor answers."""

    system: str = ""
    """What the model is told before the conversation."""
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class QuestionStored:
    """The question is safe; its answer follows, perhaps only when the model is loaded."""


@dataclass(frozen=True, slots=True)
class TurnsDropped:
    """The conversation outgrew the window: the model no longer sees this many oldest turns."""

    turns: int


@dataclass(frozen=True, slots=True)
class NotSaved:
    """What follows is only on the screen, for this reason."""

    error: StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer has come to its end; nothing follows."""

    text: str
    state: AnswerState
    statistics: Statistics
    reason: FinishReason
    saved: bool = True
    """Whether all of it is stored; where not, NotSaved came before."""


ChatEvent = QuestionStored | TurnsDropped | Prefilled | TextPiece | NotSaved | Answered


class ChatSession:
    """A conversation that goes on. Its memory is the log; leaving and coming back loses nothing."""

    def __init__(
        self,
        *,
        engine: Engine,
        log: MessageLog,
        options: ChatOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._log = log
        self._options = options or ChatOptions()
        self._clock = clock
        self._first_turn = 0
        self._answering = False

    def ask(self, question: str) -> Generator[ChatEvent, None, None]:
        """Store the question, then stream its answer: ends with Answered.

        What the model writes comes without control characters. Closing the iterator early, or any
        error, keeps what was written. Raises EmptyQuestion, NotUtf8, QuestionTooLong, ModelError,
        EngineError, StorageError.
        """
        question = clean(question)
        if not can_be_seen(question):
            raise EmptyQuestion
        self._log.add_question(question)
        with self._nothing_prepared():
            yield QuestionStored()
            yield from self._write_answer()

    def again(self) -> Generator[ChatEvent, None, None]:
        """Answer the last question anew; the earlier answer is set aside when text comes."""
        if not self._log.messages():
            raise NothingToRepeat
        with self._nothing_prepared():
            yield from self._write_answer()

    def prepare(self, draft: str = "", *, paused: bool = False) -> None:
        """Let the engine read ahead what the next question begins with: the system text, the earlier
        turns, and of `draft`, what the pupil has written so far, the words that are whole. Where the
        pupil has `paused`, or ended a sentence, it is read as the question that it may be.

        Call it when the engine is loaded. While an answer is written it does nothing. What goes
        wrong here is told when the question is asked.
        """
        if self._answering:
            return
        with contextlib.suppress(SoroError):
            turns, _unanswered = answered_turns(self._log.messages())
            question = clean(draft)
            if question and (paused or ends_a_sentence(draft)):
                prompt = self._whole(turns, question)
            else:
                prompt = self._beginning(turns, whole_words(draft))
            self._engine.prepare(prompt, lasting=not turns and not draft)

    def check_length(self, question: str) -> None:
        """Raise QuestionTooLong where `question` alone has no room. Waits for the model to load."""
        if question := clean(question):
            self._fit([Turn(question=question)], self._engine.load())

    def stop(self) -> None:
        """End the answer being written. From any thread."""
        self._engine.stop()

    @contextlib.contextmanager
    def _nothing_prepared(self) -> Generator[None, None, None]:
        """While an answer is written the engine reads nothing ahead."""
        self._answering = True
        try:
            yield
        finally:
            self._answering = False

    def _write_answer(self) -> Generator[ChatEvent, None, None]:
        info = self._engine.load()
        turns = turns_of(self._log.messages())
        first = self._fit(turns, info)
        if first > self._first_turn:
            self._first_turn = first
            yield TurnsDropped(first)
        request = GenerationRequest(
            prompt=self._render(turns[first:], info),
            sampling=self._options.sampling,
            max_tokens=self._options.max_tokens,
        )
        answer = _StoredAnswer(self._log, self._clock)
        try:
            for event in self._engine.generate(request):
                if isinstance(event, TextPiece):
                    text = without_control_characters(event.text)
                    if not text:
                        continue
                    error = answer.append(text)
                    yield TextPiece(text)
                    if error:
                        yield NotSaved(error)
                elif isinstance(event, Finished):
                    answer.state = _state(event.reason, answer.text)
                    error = answer.finish()
                    if error:
                        yield NotSaved(error)
                    yield Answered(
                        text=answer.text,
                        state=answer.state,
                        statistics=event.statistics,
                        reason=event.reason,
                        saved=answer.saved,
                    )
                else:
                    yield event
        except EngineError:
            answer.state = AnswerState.FAILED
            raise
        finally:
            # Reached unfinished when the person leaves or the engine is lost.
            if answer.state is AnswerState.WRITING:
                answer.state = AnswerState.STOPPED
            answer.keep()
            if answer.conversation_gone:
                self._engine.forget()  # another window deleted it while this was written

    def _fit(self, turns: list[Turn], info: ModelInfo) -> int:
        reserve = min(self._options.max_tokens, info.context_tokens // ANSWER_SHARE)
        return first_turn_kept(
            turns,
            begin=self._first_turn,
            room_tokens=info.context_tokens - reserve,
            render=lambda kept: self._render(list(kept), info),
            count_tokens=self._engine.count_tokens,
        )

    def _whole(self, turns: list[Turn], question: str) -> Prompt:
        """As `_write_answer` will render it: with the same turns dropped."""
        info = self._engine.load()
        asked = [*turns, Turn(question=question)]
        return self._render(asked[self._fit(asked, info) :], info)

    def _beginning(self, turns: list[Turn], draft: str) -> Prompt:
        """Of that, what is certain when so much of the question is written."""
        info = self._engine.load()
        first = self._fit([*turns, Turn(question=draft or "?")], info)
        return render_beginning(turns[first:], self._options.system, info, draft)

    def _render(self, turns: list[Turn], info: ModelInfo) -> Prompt:
        return render(turns, self._options.system, info)


class _StoredAnswer:
    """An answer that is written to the log as it grows. A failing log does not stop it."""

    def __init__(self, log: MessageLog, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._id: int | None = None
        self._stored_at = 0.0
        self._stored: tuple[str, AnswerState] | None = None
        self._failed = False
        self.conversation_gone = False
        self.text = ""
        self.state = AnswerState.WRITING

    def append(self, text: str) -> StorageError | None:
        """Grow, and store where it is time; the first failure is returned, later ones are not."""
        self.text += text
        if self._id is None or self._clock() - self._stored_at >= STORE_EVERY_SECONDS:
            return self._store()
        return None

    def finish(self) -> StorageError | None:
        """Store the whole answer, also where earlier tries failed."""
        return self._store()

    @property
    def saved(self) -> bool:
        """Whether the log holds all of it."""
        return self._stored == (self.text, self.state)

    def keep(self) -> None:
        """Store what is there if that was not done; for the ways out on which nobody listens."""
        if self.text:
            self._store()

    def _store(self) -> StorageError | None:
        if self._stored == (self.text, self.state):
            return None
        self._stored_at = self._clock()
        try:
            if self._id is None:
                self._log.set_aside_answer()
                self._id = self._log.begin_answer()
            self._log.write_answer(self._id, self.text, self.state)
        except StorageError as error:
            first = not self._failed
            self._failed = True
            self.conversation_gone = isinstance(error, ConversationGone)
            return error if first else None
        self._stored = (self.text, self.state)
        self._failed = False
        return None


_REFERENCE_ONLY = re.compile(r"[\s\[\]0-9.,]*")


def _state(reason: FinishReason, text: str) -> AnswerState:
    match reason:
        case FinishReason.STOPPED:
            return AnswerState.STOPPED
        case FinishReason.LOOP:
            return AnswerState.LOOPED
        case FinishReason.MAX_TOKENS | FinishReason.CONTEXT_FULL:
            return AnswerState.CUT
        case FinishReason.END:
            return AnswerState.EMPTY if _says_nothing(text) else AnswerState.COMPLETE


def _says_nothing(text: str) -> bool:
    """Whether an answer is blank or only a reference mark, `[1]`, as trained models sometimes give."""
    blank = not any(letter.isalnum() for letter in text)
    return blank or ("[" in text and _REFERENCE_ONLY.fullmatch(text) is not None)
