"""Text made comparable for search: г finds ғ, тарих finds таърих, an old font's њ is ҳ.

Knows no SQL. Both the stored words and the words that are looked for pass through here, so a
change of `fold` needs a migration that builds the search table again.
"""

import re
from collections.abc import Iterator

from soro_edge.tajik import fold

__all__ = ["fold", "folded_words", "words"]

_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")


def words(text: str) -> Iterator[tuple[str, int, int]]:
    """Each word of `text`, folded, and where it begins and ends in `text`."""
    for found in _WORD.finditer(text):
        folded = fold(found[0])
        if folded:
            yield folded, found.start(), found.end()


def folded_words(text: str) -> list[str]:
    """The folded words of `text`, in order."""
    return [word for word, _begin, _end in words(text)]
