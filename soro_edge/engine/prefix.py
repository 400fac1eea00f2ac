"""Which part of the KV cache can be kept for a new prompt, and the checkpoints on the way back.

Knows numbers and bytes only, no llama.cpp.
"""

import array
from collections.abc import Sequence
from dataclasses import dataclass


def shared_tokens(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """How many leading tokens are the same."""
    shorter = min(len(ours), len(theirs))
    if ours[:shorter] == theirs[:shorter]:
        return shorter
    return next(index for index in range(shorter) if ours[index] != theirs[index])


_PROBE_TOKENS = 24
"""So many in a row are the same only where the same text is meant."""


def goes_on(ours: Sequence[int], prompt: Sequence[int]) -> bool:
    """Whether `prompt` is a later turn of the conversation `ours`, whose oldest turns were dropped.

    Then what follows the beginning that both share occurs once more, further to the front.
    """
    shared = shared_tokens(ours, prompt)
    rest = array.array("i", prompt[shared:]).tobytes()
    size = 4 * _PROBE_TOKENS
    for end in (len(ours), len(ours) - _PROBE_TOKENS, (shared + 3 * len(ours)) // 4):
        probe = array.array("i", ours[max(shared, end - _PROBE_TOKENS) : end]).tobytes()
        at = rest.find(probe)
        while len(probe) == size and at >= 0:
            if at % 4 == 0:
                return True
            at = rest.find(probe, at + 1)
    return False


def can_go_on(kept_tokens: int, *, oldest_position: int, window_tokens: int) -> bool:
    """Whether the token at position `kept_tokens` sees all it must see.

    It looks back over `window_tokens` positions, itself among them (0: over all of them), and
    `oldest_position` is the smallest that every layer still holds. llama.cpp does not say that the
    window's data is gone, it answers from a wrong state.
    """
    first_seen = max(0, kept_tokens + 1 - window_tokens) if window_tokens else 0
    return 0 <= oldest_position <= first_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The sliding-window layers as they were after so many tokens. The other layers keep all."""

    tokens: int
    oldest_position: int
    data: bytearray


class Checkpoints:
    """A few checkpoints of one sequence, in order, in bounded memory."""

    def __init__(self, *, limit_bytes: int, window_tokens: int) -> None:
        self._limit_bytes = limit_bytes
        self._window_tokens = window_tokens
        self._kept: list[Checkpoint] = []

    @property
    def total_bytes(self) -> int:
        return sum(len(one.data) for one in self._kept)

    def positions(self) -> list[int]:
        """After how many tokens each was made."""
        return [one.tokens for one in self._kept]

    def newest(self) -> Checkpoint | None:
        """Where `again` returns to."""
        return self._kept[-1] if self._kept else None

    def add(self, checkpoint: Checkpoint) -> None:
        """Keep it. Where memory is short, the one that lies closest to its neighbours goes, never
        the newest: that is where `again` returns to."""
        self._kept = [one for one in self._kept if one.tokens != checkpoint.tokens]
        self._kept.append(checkpoint)
        self._kept.sort(key=lambda one: one.tokens)
        self.leave_room(0)

    def leave_room(self, need_bytes: int) -> None:
        """Let go what does not fit beside `need_bytes`."""
        while self.total_bytes + need_bytes > self._limit_bytes and self._kept:
            gaps = [
                (
                    self._kept[index + 1].tokens - (self._kept[index - 1].tokens if index else 0),
                    index,
                )
                for index in range(len(self._kept) - 1)
            ]
            del self._kept[min(gaps)[1] if gaps else 0]

    def forget_after(self, tokens: int) -> None:
        """The sequence is another one after so many tokens."""
        self._kept = [one for one in self._kept if one.tokens <= tokens]

    def nearest(self, tokens: int, *, at_most: int) -> Checkpoint | None:
        """The latest one within the first `tokens`, from which one can go on at `at_most` or before."""
        for one in reversed(self._kept):
            if one.tokens <= tokens and can_go_on(
                min(one.tokens, at_most),
                oldest_position=one.oldest_position,
                window_tokens=self._window_tokens,
            ):
                return one
        return None
