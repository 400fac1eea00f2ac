"""A question as people really type, paste and pipe it, made into text that a model was trained on.

Knows no conversation; what Tajik letters are is tajik.py's, what steers a terminal control_characters.py's.
"""

import unicodedata

from soro_edge.control_characters import without_control_characters
from soro_edge.errors import InputTooLong, NotUtf8
from soro_edge.tajik import with_own_letters

LONGEST_INPUT_BYTES = 1_000_000
"""No context window holds more; what is longer is refused before it is read to its end."""
MARKS_ON_A_LETTER = 30
"""Unicode's own bound for text in streams (UAX 15): putting more marks in order takes quadratic time."""
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Blanks that Unicode counts among letters and symbols: Hangul fillers, an empty braille cell."""


def clean(text: str) -> str:
    """`text` in NFC with Tajik letters, one kind of line end, no control characters, no outer space.

    Raises NotUtf8 where bytes that were no UTF-8 were smuggled in as lone surrogates, InputTooLong.
    """
    if len(utf8(text).encode()) > LONGEST_INPUT_BYTES:
        raise too_long()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = without_control_characters(text)
    if not text.isascii():
        text = with_own_letters(unicodedata.normalize("NFC", _with_bounded_marks(text)))
    return text.strip().strip("\ufeff").strip()


def utf8(text: str) -> str:
    """`text` itself. Raises NotUtf8 where it holds lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotUtf8(position=error.start) from None
    return text


def too_long() -> InputTooLong:
    """What is told of more than LONGEST_INPUT_BYTES."""
    return InputTooLong(limit_megabytes=LONGEST_INPUT_BYTES // 1_000_000)


def can_be_seen(text: str) -> bool:
    """Whether a reader would see anything: a letter, a digit, a sign. Joiners, marks and blanks are not."""
    return any(
        unicodedata.category(letter)[0] not in "CZM" and letter not in _INVISIBLE for letter in text
    )


def _with_bounded_marks(text: str) -> str:
    """`text` without the marks beyond so many on one letter."""
    kept: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks <= MARKS_ON_A_LETTER:
            kept.append(letter)
    return "".join(kept)
