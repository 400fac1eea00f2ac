"""An Engine that answers from a script: no native code, no process, no waiting.

It obeys the same protocol tests as the real one. A token is a word with the space before it.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from soro_edge.engine.api import (
    Control,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    ModelInfo,
    Prefilled,
    Prompt,
    Statistics,
    TextPiece,
)
from soro_edge.errors import QuestionTooLong, SoroError

GEMMA = ModelInfo(
    name="scripted",
    architecture="gemma3",
    description="gemma3 scripted",
    context_tokens=512,
    chat_template=None,
    control_pieces=("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
    bos="<bos>",
    eos="<eos>",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAnswer:
    """One answer of the script."""

    text: str
    reason: FinishReason = FinishReason.END
    fails: SoroError | None = None
    """Raised after the text, in place of Finished."""
    gate: threading.Event | None = None
    """Where given, waited for before each word after the first, so that a test can act in the middle."""


class ScriptedEngine:
    """Gives the scripted answers in turn, the last one for ever after."""

    def __init__(
        self,
        answers: Iterable[ScriptedAnswer | str] = ("Салом!",),
        *,
        info: ModelInfo = GEMMA,
        load_fails: SoroError | None = None,
    ) -> None:
        self._answers = [
            answer if isinstance(answer, ScriptedAnswer) else ScriptedAnswer(text=answer)
            for answer in answers
        ]
        self._info = info
        self._load_fails = load_fails
        self._stopped = threading.Event()
        self.requests: list[GenerationRequest] = []
        """Every request that came, in order."""
        self.prepared: list[Prompt] = []
        """Every prompt that was to be read ahead, in order."""

    def load(self, on_progress: Callable[[float], None] = lambda fraction: None) -> ModelInfo:
        if self._load_fails:
            raise self._load_fails
        on_progress(1.0)
        return self._info

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        return [
            sum(1 if isinstance(part, Control) else len(words(part.text)) for part in prompt)
            for prompt in prompts
        ]

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        self.load()
        self._stopped.clear()
        self.requests.append(request)
        prompt_tokens = self.count_tokens([request.prompt])[0]
        room = self._info.context_tokens - prompt_tokens
        if room <= 0:
            raise QuestionTooLong(have_tokens=prompt_tokens, room_tokens=self._info.context_tokens)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        yield Prefilled(prompt_tokens, prompt_tokens)
        generated, reason = 0, answer.reason
        for word in words(answer.text):
            if generated and answer.gate:
                answer.gate.wait(timeout=5)
            if self._stopped.is_set():
                reason = FinishReason.STOPPED
                break
            if generated >= min(request.max_tokens, room):
                full = generated >= room
                reason = FinishReason.CONTEXT_FULL if full else FinishReason.MAX_TOKENS
                break
            generated += 1
            yield TextPiece(word)
        else:
            if answer.fails:
                raise answer.fails
        yield Finished(reason, self._statistics(prompt_tokens, generated))

    def prepare(self, prompt: Prompt, *, lasting: bool = False) -> None:
        self.prepared.append(prompt)

    def forget(self) -> None:
        self.prepared.clear()

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self.stop()

    def _statistics(self, prompt_tokens: int, generated: int) -> Statistics:
        return Statistics(
            prompt_tokens=prompt_tokens,
            reused_tokens=0,
            generated_tokens=generated,
            first_token_seconds=0.25,
            decode_seconds=0.1 * max(0, generated - 1),
            context_tokens=self._info.context_tokens,
        )


def words(text: str) -> list[str]:
    """`text` cut into words, each with the space before it; joined they are `text`."""
    return re.findall(r"\s*\S+|\s+$", text)
