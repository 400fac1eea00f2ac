"""What can be seen of an answer without understanding it: its letters, its repetitions, its length.

Pure functions over texts. Knows no model, and not whether an answer is right.
"""

import re
import unicodedata
from itertools import pairwise

from soro_edge.tajik import ALPHABET, OWN_LETTERS

TAJIK_LETTERS = frozenset(ALPHABET)
TAJIK_ALONE = frozenset(OWN_LETTERS)
RUSSIAN_ALONE = frozenset("ыщць")
"""Letters of Russian that Tajik does not have."""
_RUSSIAN_TO_JUDGE = 2
LETTERS_TO_JUDGE = 100
"""In so many letters of Tajik the six come about seven times; none of them means another language."""

_FORMULA = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|\\\(.*?\\\)|\\\[.*?\\\]|https?://\S+",
    re.DOTALL,
)
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")

_JOINTS = dict.fromkeys(map(ord, "-'’"))

_REPEATED_TIMES = 3
_REPEATED_WORDS = 12
"""A repeated stretch must be at least so long in all: short repetitions are language."""
_LONGEST_PERIOD_WORDS = 60


def words(text: str) -> list[str]:
    """The words and numbers of a text."""
    return _WORD.findall(text)


def foreign_letters(text: str) -> tuple[int, int]:
    """How many letters are outside the Tajik alphabet, and how many letters there are.

    Formulas, code, and letters that stand alone (x, m, Ω) are no letters of a language. Russian ы щ ц ь
    are outside.
    """
    plain = _FORMULA.sub(" ", unicodedata.normalize("NFC", text))
    foreign = total = 0
    for word in _WORD.findall(plain):
        letters = word.casefold().translate(_JOINTS)
        if len(letters) < 2 or not letters.isalpha():  # H₂O, 3x
            continue
        total += len(letters)
        foreign += sum(letter not in TAJIK_LETTERS for letter in letters)
    return foreign, total


def in_another_language(text: str) -> bool:
    """Whether a text is mostly of other letters, has more of ы щ ц ь than of the six, or is long
    enough to judge and has none of the six."""
    foreign, total = foreign_letters(text)
    if total and foreign * 2 > total:
        return True
    letters = unicodedata.normalize("NFC", text).casefold()
    tajik = sum(letter in TAJIK_ALONE for letter in letters)
    russian = sum(letter in RUSSIAN_ALONE for letter in letters)
    if russian >= _RUSSIAN_TO_JUDGE and russian > tajik:
        return True
    return total >= LETTERS_TO_JUDGE and not tajik


def loops(text: str) -> bool:
    """Whether the text says the same words three times in a row, twelve words or more in all."""
    spoken = [word.casefold() for word in words(text)]
    for period in range(1, min(_LONGEST_PERIOD_WORDS, len(spoken) // 2) + 1):
        run = 0
        for earlier, later in zip(spoken, spoken[period:], strict=False):
            run = run + 1 if earlier == later else 0
            if run >= max(_REPEATED_WORDS - period, period * (_REPEATED_TIMES - 1)):
                return True
    return _repeats_lines(text)


def _repeats_lines(text: str) -> bool:
    """Whether one line, of no words perhaps, comes three times in a row and is long."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    same = 1
    for earlier, later in pairwise(lines):
        same = same + 1 if earlier == later else 1
        if same >= _REPEATED_TIMES and len(later) * same >= 4 * _REPEATED_WORDS:
            return True
    return False
