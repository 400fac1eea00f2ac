"""Greedy decoding of many prompts at once: first their common prefix, then one token of each a step.

Knows no task. Answers to pupils go through the engine instead.
"""

from collections.abc import Iterator, Sequence

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.scorer.prefix_tree import Node, Request, RequestGroup
from soro_edge.evaluation.scorer.scorer import Scorer

_AT_ONCE = 8
"""How many prompts are continued side by side, if there is room."""
_ROOM_TOKENS = 16_384
"""Room in the KV cache, unless one prompt is longer: a token takes some 20 KB with a small model."""


def greedy_decode(
    scorer: Scorer, prompts: Sequence[tuple[int, ...]], *, max_tokens: int, stop: Sequence[str]
) -> list[str]:
    """Continue each prompt by up to `max_tokens` tokens, cut before the first of `stop`.

    Raises EvaluationFailed.
    """
    prefix = len(_group(prompts).shared_prefix)
    each = max(len(prompt) for prompt in prompts) + max_tokens - prefix
    at_once = _reserve(scorer, prefix, each)
    found: list[str] = []
    for begin in range(0, len(prompts), at_once):
        part = prompts[begin : begin + at_once]
        found += _Batch(scorer, part, max_tokens, stop).written()
    return found


def _reserve(scorer: Scorer, prefix_tokens: int, each_tokens: int) -> int:
    """Reserve KV cache and return how many prompts fit side by side. Raises EvaluationFailed."""
    room = (_ROOM_TOKENS - prefix_tokens) // each_tokens
    at_once = max(1, min(_AT_ONCE, scorer.sequences, room))
    while True:
        try:
            scorer.reserve(prefix_tokens + at_once * each_tokens)
        except EvaluationFailed:
            if at_once == 1:
                raise
            at_once //= 2
        else:
            return at_once


class _Batch:
    """Texts that are decoded side by side."""

    def __init__(
        self,
        scorer: Scorer,
        prompts: Sequence[tuple[int, ...]],
        max_tokens: int,
        stop: Sequence[str],
    ) -> None:
        self._scorer, self._prompts = scorer, prompts
        self._max_tokens, self._stop = max_tokens, stop
        self._tokens: list[list[int]] = [[] for _ in prompts]

    def written(self) -> list[str]:
        group = _group(self._prompts)
        prefix = group.shared_prefix
        self._scorer.read_prefix(prefix, len(self._prompts))
        unfinished = list(self._step(group.nodes(len(prefix))))
        while unfinished:
            steps = [
                Node(
                    token=self._tokens[number][-1],
                    position=len(self._prompts[number]) + len(self._tokens[number]) - 1,
                    requests=[number],
                    targets=[(number, 0)],
                )
                for number in unfinished
            ]
            unfinished = list(self._step(steps))
        self._scorer.drop_branches(len(self._prompts))
        return [self._text(number) for number in range(len(self._prompts))]

    def _step(self, nodes: list[Node]) -> Iterator[int]:
        """Decode nodes, append the likeliest next tokens, and yield the texts that go on."""
        for batch in self._scorer.batches(nodes):
            rows = self._scorer.decode(batch)
            asked = [node for node in batch if node.targets]
            for node, row in zip(asked, rows, strict=True):
                token = int(row.argmax())
                for number, _ in node.targets:
                    if self._goes_on(number, token):
                        yield number

    def _goes_on(self, number: int, token: int) -> bool:
        if self._scorer.vocabulary.is_end(token):
            return False
        tokens = self._tokens[number]
        tokens.append(token)
        text = self._scorer.detokenize(tokens)
        return len(tokens) < self._max_tokens and not any(
            end in text.lstrip() for end in self._stop
        )

    def _text(self, number: int) -> str:
        text = self._scorer.detokenize(self._tokens[number]).lstrip()
        for end in self._stop:
            text = text.partition(end)[0]
        return text.strip()


def _group(prompts: Sequence[tuple[int, ...]]) -> RequestGroup:
    """Prompts as requests for the token after each of them."""
    return RequestGroup(requests=tuple(Request(context=one, continuation=(0,)) for one in prompts))
