"""Which tokens are read once for many requests: their common trunk, and the tree of what follows it.

Pure bookkeeping over token ids; native.py lets llama.cpp read what is planned here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from soro_edge.engine.prefix import shared_tokens
from soro_edge.errors import EvaluationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How likely is `continuation` after `context`? Neither is empty."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]

    @property
    def path(self) -> tuple[int, ...]:
        """What the model has to read: the last token is only predicted."""
        return (*self.context, *self.continuation[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLikelihood:
    """Of one continuation."""

    total: float
    """Natural logarithm of its probability, all tokens together."""
    greedy: bool
    """Whether each of its tokens was the model's first choice."""
    tokens: int


@dataclass(slots=True, kw_only=True)
class Branch:
    """One token of the tree, read once for all requests that go through it."""

    token: int
    position: int
    requests: list[int]
    """Numbers in the group."""
    wanted: list[tuple[int, int]] = field(default_factory=list)
    """Request, and its token whose probability is asked for after this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Requests that are read together."""

    requests: tuple[Request, ...]

    @property
    def trunk(self) -> tuple[int, ...]:
        """What all begin with, short of the first token whose successor is asked for."""
        paths = [request.path for request in self.requests]
        first, last = min(paths), max(paths)
        length = min(len(request.context) for request in self.requests) - 1
        return first[: min(shared_tokens(first, last), length)]

    def branches(self, trunk_tokens: int) -> list[Branch]:
        """The tree after the trunk, every token after the one before it."""
        order = sorted(range(len(self.requests)), key=lambda number: self.requests[number].path)
        tree: list[Branch] = []
        above: list[Branch] = []
        before: tuple[int, ...] = ()
        for number in order:
            request = self.requests[number]
            path = request.path[trunk_tokens:]
            shared = shared_tokens(before, path)
            del above[shared:]
            for branch in above:
                branch.requests.append(number)
            for place in range(shared, len(path)):
                branch = Branch(token=path[place], position=trunk_tokens + place, requests=[number])
                tree.append(branch)
                above.append(branch)
            begin = len(request.context) - 1 - trunk_tokens
            for offset, token in enumerate(request.continuation):
                above[begin + offset].wanted.append((number, token))
            before = path
        return tree


def groups(requests: Sequence[Request], *, most: int, room_tokens: int) -> Iterator[Group]:
    """Neighbours together, as long as the whole tree, trunk included, has `room_tokens` and no more
    than `most` requests. Raises EvaluationFailed for a request that has no room of its own."""
    taken: list[Request] = []
    tokens = 0
    for request in requests:
        path = request.path
        new = len(path) - (shared_tokens(taken[-1].path, path) if taken else 0)
        if taken and (len(taken) == most or tokens + new > room_tokens):
            yield Group(requests=tuple(taken))
            taken, tokens, new = [], 0, len(path)
        if len(path) > room_tokens:
            raise EvaluationFailed(
                reason=f"A text has {len(path)} tokens, and there is room for {room_tokens}.",
                advice="Name fewer tokens with --context.",
            )
        taken.append(request)
        tokens += new
    if taken:
        yield Group(requests=tuple(taken))
