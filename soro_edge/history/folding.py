"""Text made comparable for search: г finds ғ, тарих finds таърих, an old font's њ is ҳ.

Knows no SQL. Both the stored words and the words that are looked for pass through here, so a
change of `fold` needs a migration that builds the search table again.
"""

import re
import unicodedata
from collections.abc import Iterator

_FOLDED = str.maketrans(
    {
        **dict(zip("ғӣқӯҳҷё", "гикухче", strict=True)),
        # Letters of legacy fonts and neighbours: њ=ҳ ќ=қ ѓ=ғ љ=ҷ ї=ӣ ў=ӯ ȳ=ӯ.
        **dict(zip("њќѓљїўȳ", "хкгчиуу", strict=True)),
        "ъ": None,
        # A macron that has no composed letter, and stress marks of schoolbooks.
        "\u0304": None,
        "\u0301": None,
    }
)

_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")


def fold(text: str) -> str:
    """`text` without the differences that search must not see. Folding twice changes nothing."""
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return unicodedata.normalize("NFC", composed.translate(_FOLDED))


def words(text: str) -> Iterator[tuple[str, int, int]]:
    """Each word of `text`, folded, and where it begins and ends in `text`."""
    for found in _WORD.finditer(text):
        folded = fold(found[0])
        if folded:
            yield folded, found.start(), found.end()


def folded_words(text: str) -> list[str]:
    """The folded words of `text`, in order."""
    return [word for word, _begin, _end in words(text)]
