"""Texts to requests, token by token as lm-evaluation-harness does it, so that both ask the same.

Knows a tokenizer, and neither task nor model.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from soro_edge.evaluation.scorer.prefix_tree import Request


class TooLong(Exception):
    """Why an item cannot be asked in this context window."""


class Tokenizer(Protocol):
    """What of a model is needed here."""

    @property
    def begin_token(self) -> int: ...

    def tokenize(self, text: str, *, add_bos: bool = True) -> list[int]: ...


def encode_pair(tokenizer: Tokenizer, context: str, continuation: str) -> Request:
    """Both are tokenized in one piece, as the model would meet them, and cut at the context's own length.
    Spaces at the context's end belong to the continuation."""
    bare = context.rstrip()
    continuation, context = context[len(bare) :] + continuation, bare
    if not context:
        return Request(
            context=(tokenizer.begin_token,),
            continuation=tuple(tokenizer.tokenize(continuation, add_bos=False)),
        )
    before = tokenizer.tokenize(context)
    whole = tokenizer.tokenize(context + continuation)
    after = whole[len(before) :] or tokenizer.tokenize(continuation, add_bos=False)
    return Request(context=tuple(before), continuation=tuple(after))


def fitted(request: Request, context_tokens: int) -> Request:
    """The request, its oldest tokens cut where it is longer than the context window. Raises TooLong."""
    too_many = len(request.path) - context_tokens
    if too_many <= 0:
        return request
    if too_many >= len(request.context):
        tokens = len(request.continuation)
        raise TooLong(
            f"an option of {tokens} tokens is longer than the context of {context_tokens}"
        )
    return Request(context=request.context[too_many:], continuation=request.continuation)


def windows(tokens: Sequence[int], *, begin_token: int, context_tokens: int) -> Iterator[Request]:
    """A text as requests that score each of its tokens once. The first window begins with
    `begin_token`; a later one scores the next tokens and is filled up with those before them."""
    first = tokens[:context_tokens]
    yield Request(context=(begin_token,), continuation=tuple(first))
    done = len(first)
    while done < len(tokens):
        new = min(context_tokens, len(tokens) - done)
        end = done + new
        start = max(0, end - context_tokens - 1)
        yield Request(context=tuple(tokens[start:done]), continuation=tuple(tokens[done:end]))
        done = end
