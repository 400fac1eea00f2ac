"""What search does not distinguish."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.history.folding import fold, folded_words, words

ALPHABET = "абвгғдеёжзиӣйкқлмнопрстуӯфхҳчҷшъэюя"


@pytest.mark.parametrize(
    ("typed", "same_as"),
    [
        ("ғӣқӯҳҷё", "гикухче"),
        ("ҒӢҚӮҲҶЁ", "гикухче"),
        ("њќѓљїўȳ", "хкгчиуу"),
        ("ЊЌЃЉЇЎȲ", "хкгчиуу"),
        ("и\u0304у\u0304И\u0304У\u0304y\u0304", "иуиуу"),
        ("таърих", "тарих"),
        ("ТАЪРИХ", "Тарих"),
        ("за\u0301мок", "замок"),
        ("о\u0304б", "об"),
        ("Йод и\u0306", "йод й"),
    ],
)
def test_the_same_for_search(typed: str, same_as: str) -> None:
    assert fold(typed) == fold(same_as)
    assert fold(same_as) == same_as.casefold()


def test_each_tajik_letter_has_its_own_fold() -> None:
    folded = {letter: fold(letter) for letter in ALPHABET}
    changed = {letter: to for letter, to in folded.items() if letter != to}
    assert changed == dict(zip("ғӣқӯҳҷёъ", [*"гикухче", ""], strict=True))


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.sampled_from(ALPHABET + ALPHABET.upper() + " ,-")))
def test_case_and_normal_form_do_not_matter(text: str) -> None:
    assert fold(text.upper()) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)


@given(st.text())
def test_words_know_where_they_are(text: str) -> None:
    for word, begin, end in words(text):
        assert word == fold(text[begin:end])


def test_words_are_split_at_anything_that_is_no_letter_or_digit() -> None:
    text = "«По-тоҷикӣ», H2O_3,14; ъ"
    assert folded_words(text) == ["по", "точики", "h2o", "3", "14"]
