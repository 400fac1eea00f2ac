"""Which turns fit into the context window. Whole oldest turns go; the newest question always stays.

Knows prompts and token counts, no engine: the caller passes the function that counts.
"""

from collections.abc import Callable, Sequence

from soro_edge.chat.template import Turn
from soro_edge.engine.api import Prompt
from soro_edge.errors import QuestionTooLong

REFILL = 0.6
"""After dropping, at most this part of the room is used: a drop costs a prefill of all that stays,
so several turns go at once and the next questions are quick again."""


def first_turn_kept(
    turns: Sequence[Turn],
    *,
    begin: int,
    room_tokens: int,
    render: Callable[[Sequence[Turn]], Prompt],
    count_tokens: Callable[[Sequence[Prompt]], list[int]],
) -> int:
    """Index of the oldest turn that the prompt keeps, `begin` or later.

    `begin` is what the last call returned: turns once dropped do not come back, because that would
    change the prompt's start. Raises QuestionTooLong where the newest question alone has no room.
    """
    begin = min(begin, len(turns) - 1)
    if count_tokens([render(turns[begin:])])[0] <= room_tokens:
        return begin
    later = range(begin + 1, len(turns))
    counts = count_tokens([render(turns[index:]) for index in later]) if later else []
    for index, tokens in zip(later, counts, strict=True):
        if tokens <= room_tokens * REFILL:
            return index
    if counts and counts[-1] <= room_tokens:
        return len(turns) - 1
    have = counts[-1] if counts else count_tokens([render(turns[begin:])])[0]
    raise QuestionTooLong(have_tokens=have, room_tokens=room_tokens)
