"""Tajik letters: the alphabet, the spellings that stand in for its six own letters, folding for search.

Knows words and letters only: no conversation, no screen, no database.
"""

import re
import unicodedata

from soro_edge.tajik_contexts import SEEN_CONTEXTS

ALPHABET = "абвгғдеёжзиӣйкқлмнопрстуӯфхҳчҷшъэюя"
OWN_LETTERS = "ғӣқӯҳҷ"
"""What Russian does not have: 6 to 8 of 100 letters of Tajik text."""
PLAIN_LETTERS = "гикухч"
"""The Russian letters that those were made from, in the same order."""

_FONT_LETTERS = dict(zip("њќѓљї", "ҳқғҷӣ", strict=True))
"""What fonts made before Unicode drew as Tajik letters; Serbs, Macedonians and Ukrainians write them."""
_SHORT_U = dict(zip("ўȳ", "ӯӯ", strict=True))
"""Typed for ӯ where a keyboard lacks it; ў is also a letter of Uzbek and Belarusian."""
_STAND_INS = {**_FONT_LETTERS, **_SHORT_U}
_TO_OWN = str.maketrans(
    {**_STAND_INS, **{old.upper(): new.upper() for old, new in _STAND_INS.items()}}
)
_STAND_IN = re.compile("[" + "".join(_STAND_INS) + "".join(_STAND_INS).upper() + "]")
_WORD = re.compile(r"[^\W\d_]+")
_TAJIK_OR_STAND_IN = frozenset(ALPHABET + "".join(_STAND_INS))
_NEIGHBOURS_ALONE = frozenset("іїєґјћђџѕѐѝ") - _FONT_LETTERS.keys()
"""Letters of Ukrainian, Belarusian, Serbian and Macedonian that no Tajik font used."""
_NOT_UZBEK = frozenset("ӣӯҷ")

LEGACY_TEXT_RATIO = 4
"""A text counts as written with a legacy font when so many of its words read as Tajik for one that
does not: the one is then a rare word, not a neighbour's."""

_FOLDED = str.maketrans(
    {
        **dict(zip(OWN_LETTERS + "ё", PLAIN_LETTERS + "е", strict=True)),
        **{old: PLAIN_LETTERS[OWN_LETTERS.index(letter)] for old, letter in _STAND_INS.items()},
        "ъ": None,
        # A macron that has no composed letter, and stress marks of schoolbooks.
        "\u0304": None,
        "\u0301": None,
    }
)


def fold(text: str) -> str:
    """`text` without the differences that search must not see. Folding twice changes nothing."""
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return unicodedata.normalize("NFC", composed.translate(_FOLDED))


def with_own_letters(text: str) -> str:
    """`text`, in NFC, with the six Tajik letters in place of legacy fonts' and keyboards' stand-ins.

    Only words that are otherwise Tajik are changed: «дўст» and «тољикї» are, «ўзбекча», «Київ» and
    «Њујорк» are not. Plain г и к у х ч are left alone: nobody can know which letter was meant.
    """
    if not _STAND_IN.search(text):
        return text
    letters = set(text.lower())
    spellings = {word for word in set(_WORD.findall(text)) if _STAND_IN.search(word)}
    words = {spelling.lower() for spelling in spellings}
    candidates = {word for word in words if _TAJIK_OR_STAND_IN.issuperset(word)}
    tajik = {word for word in candidates if _reads_as_tajik(word)}
    if letters & _NEIGHBOURS_ALONE:
        tajik = {word for word in tajik if not _FONT_LETTERS.keys() & set(word)}
    elif not letters & set(OWN_LETTERS) and len(tajik) >= LEGACY_TEXT_RATIO * len(words - tajik):
        tajik = candidates
    if not letters & (_NOT_UZBEK | _FONT_LETTERS.keys()) and any("ў" in w for w in words - tajik):
        tajik = {word for word in tajik if "ў" not in word}
    corrected = {
        spelling: spelling.translate(_TO_OWN) for spelling in spellings if spelling.lower() in tajik
    }
    return _WORD.sub(lambda word: corrected.get(word[0], word[0]), text)


def _reads_as_tajik(word: str) -> bool:
    """Whether each stand-in, read as the letter meant, has neighbours that it has in Tajik words.

    ў is not asked beside a letter that neither Uzbeks nor Belarusians write.
    """
    padded = f"^{word.translate(_TO_OWN)}$"
    sure = bool((_NOT_UZBEK | _FONT_LETTERS.keys()) & set(word))
    return all(
        padded[place : place + 3] in SEEN_CONTEXTS
        for place, letter in enumerate(word)
        if letter in _STAND_INS and not (sure and letter in _SHORT_U)
    )
