"""Which option a letter means: the letters A B C D and the letters А Б В Г, and one typed for the other.

The Cyrillic «В» looks like the second letter of the one row and is the third of the other. Which row the
letters of a file belong to is decided by all of them together; where they do not tell, a letter has
several positions, and nothing is guessed. Knows letters only.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

_LATIN = "ABCDEFGH"
_CYRILLIC = "АБВГДЕЖЗ"
_TAJIK = "АБВГҒДЕЖ"
_TYPED_FOR_LATIN = str.maketrans("АВСДЕН", "ABCDEH")
"""Cyrillic letters that stand for Latin ones: they look alike, and Д is what people write for D."""
_TYPED_FOR_CYRILLIC = str.maketrans("ABE", "АВЕ")
_ONLY_LATIN = frozenset("BCDEFGHС")
"""Letters that tell of A B C D. The last one is Cyrillic: it stands far behind in the Cyrillic alphabet."""
_ONLY_CYRILLIC = frozenset("БГҒЖЗ")
_STRAY = 20
"""Where one row's letters are so many times as frequent, the other's are typing errors."""

_LABELLED = re.compile(r"\s*[(\[]?([A-Za-zА-Яа-яҒғ])\s*([).:\]]{1,2})\s*(.*)", re.DOTALL)
"""`A) Душанбе`, where letters stand in the options themselves."""
_LIST_MARKS = frozenset(")]:")
"""Marks that make a letter a label. After a full stop it can be an initial too, as in «С. Айнӣ»."""


class Alphabet(Enum):
    """A row of letters that labels options. Its value is how it is named."""

    LATIN = "A B C D"
    CYRILLIC = "А Б В Г"
    TAJIK = "А Б В Г Ғ"

    def positions(self, letter: str) -> frozenset[int]:
        """The options that a capital letter may mean, counted from 0; none where the row lacks it."""
        if self is Alphabet.LATIN:
            return _found(_LATIN, letter.translate(_TYPED_FOR_LATIN))
        row = _TAJIK if self is Alphabet.TAJIK else _CYRILLIC
        position = _found(row, letter.translate(_TYPED_FOR_CYRILLIC))
        if letter in _LATIN[1:] and position:
            # A Latin B among Cyrillic letters is a В that looks alike, or the second letter after all.
            return position | _found(_LATIN, letter)
        return position


def _found(row: str, letter: str) -> frozenset[int]:
    return frozenset({row.index(letter)} if letter in row else ())


def capital(text: str) -> str:
    """The one letter that a text consists of, as a capital and without brackets; otherwise nothing."""
    letter = unicodedata.normalize("NFKC", text).strip(" \t\r\n().:[]«»\"'").upper()
    return letter if len(letter) == 1 else ""


def alphabets_of(letters: Iterable[str]) -> tuple[Alphabet, ...]:
    """The rows that these capital letters tell of: none where they tell nothing, two where they disagree."""
    counts = Counter(letters)
    latin = sum(counts[letter] for letter in _ONLY_LATIN)
    cyrillic = sum(counts[letter] for letter in _ONLY_CYRILLIC)
    found = []
    if latin and latin * _STRAY > cyrillic:
        found.append(Alphabet.LATIN)
    if cyrillic and cyrillic * _STRAY > latin:
        found.append(Alphabet.TAJIK if counts["Ғ"] else Alphabet.CYRILLIC)
    return tuple(found)


def alphabet_in_order(labels: Sequence[str]) -> Alphabet | None:
    """The row whose first letters these capital letters are, in order; None where they are no such row."""
    for alphabet in Alphabet:
        if len(labels) > 1 and all(
            position in alphabet.positions(label) for position, label in enumerate(labels)
        ):
            return alphabet
    return None


def in_order(labels: Sequence[str]) -> list[int] | None:
    """The order that makes the labels a row of letters or of numbers; None where there is none."""
    if all(label.isascii() and label.isdigit() for label in labels):
        return sorted(range(len(labels)), key=lambda index: int(labels[index]))
    for alphabet in Alphabet:
        order = sorted(range(len(labels)), key=lambda index: _order(alphabet, labels[index]))
        if alphabet_in_order([labels[index] for index in order]) is alphabet:
            return order
    return None


def _order(alphabet: Alphabet, label: str) -> int:
    return min(alphabet.positions(label), default=len(_LATIN))


def split_label(option: str) -> tuple[str, str, bool]:
    """The label in front of an option, the option without it, and whether it can be nothing but a label.

    The label is empty where there is none.
    """
    found = _LABELLED.fullmatch(option)
    if found is None:
        return "", option, False
    return found[1].upper(), found[3].strip(), not _LIST_MARKS.isdisjoint(found[2])


def read_as(letter: str, letters: str) -> str:
    """The one of `letters`, a task's own, that a capital letter is; empty where it is none of them.

    Where they are Latin, a Cyrillic letter that looks like one is taken for it. Where they are Cyrillic,
    only A is: a Latin B may stand for «Б» as well as for «В».
    """
    if letter in letters:
        return letter
    alike = letter.translate(_TYPED_FOR_LATIN) if letters.isascii() else letter.replace("A", "А")
    return alike if alike in letters else ""


def positions(
    letter: str, labels: Sequence[str], count: int, alphabets: Sequence[Alphabet]
) -> frozenset[int]:
    """The options that the capital letter of an answer may mean, out of `count`, counted from 0.

    `labels` are the options' own, if they have some; `alphabets` those of the file's answers. Where these
    tell nothing and the options have no labels, both rows are possible.
    """
    own = alphabet_in_order(labels)
    if letter in labels and (own is None or not alphabets or own in alphabets):
        return frozenset({labels.index(letter)})
    if labels and own is None:
        alike = [
            index
            for index, label in enumerate(labels)
            if label.translate(_TYPED_FOR_LATIN) == letter.translate(_TYPED_FOR_LATIN)
        ]
        return frozenset(alike)
    possible: set[int] = {labels.index(letter)} if letter in labels else set()
    rows = alphabets or ((own,) if own else (Alphabet.LATIN, Alphabet.CYRILLIC))
    for alphabet in rows:
        possible |= alphabet.positions(letter)
    return frozenset(position for position in possible if position < count)
