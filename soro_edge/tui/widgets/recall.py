"""Recall: what Up and Down bring into an empty prompt. Knows no widget.

Up goes back through the questions that were asked, Down through the examples. What a person has
changed is never replaced.
"""

from collections.abc import Sequence


class Recall:
    """Asked questions before the empty prompt, examples after it."""

    def __init__(self) -> None:
        self._asked: list[str] = []
        self._examples: list[str] = []
        self._place = 0
        """Questions asked have negative places, the newest -1; 0 is the empty prompt."""

    def set(self, asked: Sequence[str], examples: Sequence[str] = ()) -> None:
        """Offer these from now on; the newest question is the last one."""
        self._asked = [text for text in dict.fromkeys(reversed(asked)) if text][::-1]
        self._examples = list(examples)
        self._place = 0

    def step(self, shown: str, direction: int) -> str | None:
        """The text one step up (-1) or down (1) from `shown`; None where nothing is to be replaced."""
        if not shown:
            self._place = 0
        elif shown != self._text(self._place):
            return None
        place = self._place + direction
        if not -len(self._asked) <= place <= len(self._examples):
            return None
        self._place = place
        return self._text(place)

    def _text(self, place: int) -> str:
        if place < 0:
            return self._asked[place]
        return self._examples[place - 1] if place else ""
