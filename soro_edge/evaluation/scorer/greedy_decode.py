"""Greedy texts after many prompts at once: what the prompts share is read once, then every step reads one
token of each. Knows no task; what is written for a pupil goes through the engine instead."""

from collections.abc import Iterator, Sequence

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.scorer.prefix_tree import Branch, Group, Request
from soro_edge.evaluation.scorer.scorer import Scorer

_AT_ONCE = 8
"""Prompts that are continued side by side, if there is room."""
_ROOM_TOKENS = 16_384
"""Only a prompt that is longer by itself reserves more: a token takes some 20 KB of a small model's cache."""


def write(
    scorer: Scorer, prompts: Sequence[tuple[int, ...]], *, max_tokens: int, stop: Sequence[str]
) -> list[str]:
    """One text for each prompt, up to `max_tokens` long, cut before the first of `stop`."""
    trunk = len(_group(prompts).trunk)
    each = max(len(prompt) for prompt in prompts) + max_tokens - trunk
    at_once = _reserve(scorer, trunk, each)
    found: list[str] = []
    for begin in range(0, len(prompts), at_once):
        part = prompts[begin : begin + at_once]
        found += _Texts(scorer, part, max_tokens, stop).written()
    return found


def _reserve(scorer: Scorer, trunk_tokens: int, each_tokens: int) -> int:
    """So many prompts have room side by side; fewer where memory is short. Raises EvaluationFailed."""
    room = (_ROOM_TOKENS - trunk_tokens) // each_tokens
    at_once = max(1, min(_AT_ONCE, scorer.sequences, room))
    while True:
        try:
            scorer.reserve(trunk_tokens + at_once * each_tokens)
        except EvaluationFailed:
            if at_once == 1:
                raise
            at_once //= 2
        else:
            return at_once


class _Texts:
    """Those that are written side by side."""

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
        trunk = group.trunk
        self._scorer.grow(trunk, len(self._prompts))
        open_ones = list(self._chosen(group.branches(len(trunk))))
        while open_ones:
            steps = [
                Branch(
                    token=self._tokens[number][-1],
                    position=len(self._prompts[number]) + len(self._tokens[number]) - 1,
                    requests=[number],
                    wanted=[(number, 0)],
                )
                for number in open_ones
            ]
            open_ones = list(self._chosen(steps))
        self._scorer.cut(len(self._prompts))
        return [self._text(number) for number in range(len(self._prompts))]

    def _chosen(self, branches: list[Branch]) -> Iterator[int]:
        """Read them, take the likeliest successors; the texts that go on after that."""
        for batch in self._scorer.batches(branches):
            rows = self._scorer.run(batch)
            asked = [branch for branch in batch if branch.wanted]
            for branch, row in zip(asked, rows, strict=True):
                token = int(row.argmax())
                for number, _ in branch.wanted:
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


def _group(prompts: Sequence[tuple[int, ...]]) -> Group:
    """The last token of each prompt is the one whose successor is asked for."""
    return Group(requests=tuple(Request(context=one, continuation=(0,)) for one in prompts))
