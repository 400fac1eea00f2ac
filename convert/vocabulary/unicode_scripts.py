"""Which writing a character belongs to, and which texts a trimmed vocabulary must leave exactly alone.

Knows Unicode, and neither pieces nor merges. `keeps_exactly` is the promise: such a text has the same
tokens before and after trimming.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate

from convert.vocabulary.tokenizer_files import SPACE

CYRILLIC, NEUTRAL, ASCII_LETTER, LATIN_LETTER, GREEK, OTHER = "cnalgo"
"""The codes in a shape. Neutral: digits, punctuation, mathematics, symbols, marks and white space; not
those of other writings, nor the private use area, where each font means something else."""

_CYRILLIC_RANGES = (
    (0x0400, 0x052F),
    (0x1C80, 0x1C8F),
    (0x1D2B, 0x1D2B),
    (0x1D78, 0x1D78),
    (0x2DE0, 0x2DFF),
    (0xA640, 0xA69F),
    (0xFE2E, 0xFE2F),
)
_NEUTRAL_RANGES = (
    (0x0000, 0x036F),  # ASCII, Latin-1, modifiers, combining marks
    (0x1AB0, 0x1AFF),  # more combining marks
    (0x1DC0, 0x1DFF),
    (0x2000, 0x2BFF),  # punctuation, currencies, arrows, mathematics, drawing
    (0x2E00, 0x2E7F),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2D),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFF),
    (0x1D100, 0x1D7FF),  # music, mathematical letters
    (0x1F000, 0x1FAFF),  # emoji: pupils write them, models answer with them
    (0xE0000, 0xE007F),
)
_KEPT_SHAPE = re.compile(r"(?:[cn]|[alg](?![alg]))*")


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


class _Codes(dict[int, str]):
    """Code point to code, for str.translate; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = self._code_of(code)
        return found

    @staticmethod
    def _code_of(code: int) -> str:
        character = chr(code)
        if character == SPACE:
            return NEUTRAL
        if _within(code, _CYRILLIC_RANGES):
            return CYRILLIC
        if 0x0370 <= code <= 0x03FF:
            return GREEK
        letter = unicodedata.category(character).startswith("L")
        if letter and unicodedata.name(character, "").startswith("LATIN "):
            return ASCII_LETTER if code < 128 else LATIN_LETTER
        return NEUTRAL if _within(code, _NEUTRAL_RANGES) else OTHER


_codes = _Codes()


def shape(text: str) -> str:
    """One code for each character."""
    return text.translate(_codes)


def shapes(texts: Sequence[str]) -> list[str]:
    """The shape of each text; for many short ones much faster than one by one."""
    together = shape("".join(texts))
    ends = accumulate(map(len, texts))
    return [together[end - len(text) : end] for text, end in zip(texts, ends, strict=True)]


def keeps_exactly(text: str) -> bool:
    """Whether the text has only Cyrillic, neutral characters and single Latin or Greek letters, as
    formulas have them: `x² + 2πr`, not `sin`. Every part of such a text is such a text."""
    return is_kept_shape(shape(text))


def is_kept_shape(shape: str) -> bool:
    """Whether a text of this shape is one that `keeps_exactly` holds for."""
    return _KEPT_SHAPE.fullmatch(shape) is not None
