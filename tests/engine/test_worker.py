"""The law of telling: the first word at once, later ones together where they come quickly, nothing lost."""

import io
from collections.abc import Iterator
from typing import cast

from soro_edge.engine.api import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Prefilled,
    Sampling,
    Statistics,
    TextPiece,
)
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.wire import decode
from soro_edge.engine.worker import Worker

WORDS = ("Душанбе", " пойтахти", " Тоҷикистон", " аст.")


class QuickEngine:
    """Answers faster than anyone could be told."""

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        yield Prefilled(8, 8)
        yield from map(TextPiece, WORDS)
        yield Finished(
            FinishReason.END,
            Statistics(
                prompt_tokens=8,
                reused_tokens=0,
                generated_tokens=4,
                first_token_seconds=0.0,
                decode_seconds=0.0,
                context_tokens=64,
            ),
        )


def test_the_first_word_is_told_at_once_and_the_rest_together() -> None:
    replies = io.BytesIO()
    worker = Worker(io.BytesIO(), replies)
    worker._engine = cast(LlamaEngine, QuickEngine())
    worker._generate(GenerationRequest(prompt=(), sampling=Sampling()))
    told = [decode(line) for line in replies.getvalue().splitlines()]
    words = [event.text for event in told if isinstance(event, TextPiece)]
    assert words == [WORDS[0], "".join(WORDS[1:])]
    assert isinstance(told[0], Prefilled) and isinstance(told[-1], Finished)
