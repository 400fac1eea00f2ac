"""Plans which tokens are decoded once for many requests: their common prefix, and the tree that follows it.

Works on token ids alone. scorer.py decodes what is planned here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from soro_edge.engine.prefix import shared_tokens
from soro_edge.errors import EvaluationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Asks how likely `continuation` is after `context`. Neither is empty."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]

    @property
    def path(self) -> tuple[int, ...]:
        """The tokens that must be decoded: all but the last, which is only predicted."""
        return (*self.context, *self.continuation[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLikelihood:
    """How likely a model finds one continuation."""

    total: float
    """The natural logarithm of its probability, over all of its tokens."""
    greedy: bool
    """Whether each of its tokens was the model's first choice."""
    tokens: int


@dataclass(slots=True, kw_only=True)
class Node:
    """A token of the tree. It is decoded once for all requests that go through it."""

    token: int
    position: int
    requests: list[int]
    """The numbers of these requests in their group."""
    targets: list[tuple[int, int]] = field(default_factory=list)
    """Requests, each with the token whose probability after this one is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestGroup:
    """Requests that are decoded together."""

    requests: tuple[Request, ...]

    @property
    def shared_prefix(self) -> tuple[int, ...]:
        """What all requests begin with, up to the first token after which a probability is asked for."""
        paths = [request.path for request in self.requests]
        first, last = min(paths), max(paths)
        length = min(len(request.context) for request in self.requests) - 1
        return first[: min(shared_tokens(first, last), length)]

    def nodes(self, prefix_tokens: int) -> list[Node]:
        """The nodes of the tree after the prefix, parents before their children."""
        order = sorted(range(len(self.requests)), key=lambda number: self.requests[number].path)
        tree: list[Node] = []
        path_nodes: list[Node] = []
        previous_path: tuple[int, ...] = ()
        for number in order:
            request = self.requests[number]
            path = request.path[prefix_tokens:]
            shared = shared_tokens(previous_path, path)
            del path_nodes[shared:]
            for node in path_nodes:
                node.requests.append(number)
            for place in range(shared, len(path)):
                node = Node(token=path[place], position=prefix_tokens + place, requests=[number])
                tree.append(node)
                path_nodes.append(node)
            begin = len(request.context) - 1 - prefix_tokens
            for offset, token in enumerate(request.continuation):
                path_nodes[begin + offset].targets.append((number, token))
            previous_path = path
        return tree


def groups(requests: Sequence[Request], *, most: int, room_tokens: int) -> Iterator[RequestGroup]:
    """Group neighbouring requests so that each tree has at most `room_tokens`, its prefix included.

    A group has at most `most` requests. Raises EvaluationFailed for a request that does not fit alone.
    """
    group: list[Request] = []
    tokens = 0
    for request in requests:
        path = request.path
        new_tokens = len(path) - (shared_tokens(group[-1].path, path) if group else 0)
        if group and (len(group) == most or tokens + new_tokens > room_tokens):
            yield RequestGroup(requests=tuple(group))
            group, tokens, new_tokens = [], 0, len(path)
        if len(path) > room_tokens:
            raise EvaluationFailed(
                reason=f"A text has {len(path)} tokens, and there is room for {room_tokens}.",
                advice="Name fewer tokens with --context.",
            )
        group.append(request)
        tokens += new_tokens
    if group:
        yield RequestGroup(requests=tuple(group))
