"""What is seen of an answer: letters, loops, language. And the questions: a list that can be relied on."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.chat.letters import clean
from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.school.answer_checks import (
    TAJIK_LETTERS,
    foreign_letters,
    in_another_language,
    loops,
    words,
)
from soro_edge.evaluation.school.questions import (
    SCHOOL_QUESTIONS,
    Question,
    by_turns,
    read_questions,
)

TAJIK = "Фотосинтез равандест, ки дар он растаниҳо аз об ва гази карбон қанд месозанд."
RUSSIAN = (
    "Фотосинтез это процесс, при котором растения создают сахар из воды и газа на свету, а затем"
    " отдают кислород в воздух, и потому без растений не было бы и нас."
)


@given(st.text([*sorted(TAJIK_LETTERS), *" .«»-\n7"]))
def test_tajik_letters_are_no_other_letters(text: str) -> None:
    assert foreign_letters(text)[0] == 0
    assert foreign_letters(text.upper())[0] == 0


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        (TAJIK, 0),
        ("китоб book", 4),
        ("мальчик ищет", 2),  # ь, щ
        ("水是生命", 4),
        ("Ҳисоб: $\\frac{1}{2} + \\sin x$ ва `print(2)`", 0),
        ("```python\nprint('salom')\n```", 0),
        ("```python\nprint('salom')", 0),  # cut off within the code
        ("x ва y ададҳоянд; H₂O об аст; 3x", 0),
        (unicodedata.normalize("NFD", "тоҷикӣ ӯ"), 0),
    ],
)
def test_letters_of_other_alphabets_are_counted(text: str, foreign: int) -> None:
    assert foreign_letters(text)[0] == foreign


@pytest.mark.parametrize(
    ("text", "another"),
    [
        ("", False),
        (TAJIK * 3, False),
        (RUSSIAN, True),
        ("Мальчик ищет мышь.", True),
        ("Да.", False),  # too short to be judged
        ("Цар Пётр Ильич дар шаҳри Цюрих буд ва ҳеҷ ҷо нарафт.", False),
        ("The capital is Dushanbe.", True),
        ("Пойтахт Душанбе (Dushanbe) аст.", False),
    ],
)
def test_another_language_is_seen_where_there_is_enough_of_it(text: str, another: bool) -> None:
    assert in_another_language(text) is another


@pytest.mark.parametrize(
    "text",
    [
        "об " * 12,
        TAJIK * 3,
        "Аввал гап. " + "Ин ҷумла такрор мешавад. " * 4,
        TAJIK + "\n" + "- ҳамин аст ҷавоби дуруст\n" * 3,
        "| --- | --- | --- | --- |\n" * 3,
        "Хона хеле калон аст. Хона, хеле калон аст! Хона хеле калон аст.",
    ],
)
def test_a_loop_is_found(text: str) -> None:
    assert loops(text)
    assert loops("Ҷавоб чунин аст:\n" + text)
    assert loops(text.upper())


@pytest.mark.parametrize(
    "text",
    [
        "",
        TAJIK,
        TAJIK * 2,
        "ҳа, ҳа, ҳа!",
        "Рафтем, рафтем, рафтем, рафтем, рафтем, рафтем ва расидем.",
        "2 + 2 = 4, 2 + 3 = 5, 2 + 4 = 6, 2 + 5 = 7",
        "Ман мехонам. Ту мехонӣ. Ӯ мехонад. Мо мехонем. Шумо мехонед. Онҳо мехонанд.",
        "- як\n- як\n- як\n",
    ],
)
def test_ordinary_text_does_not_loop(text: str) -> None:
    assert not loops(text)


@given(st.lists(st.sampled_from(["об", "нон", "дарс", "кор", "рӯз"]), min_size=4, max_size=60))
def test_any_stretch_three_times_in_a_row_is_a_loop(stretch: list[str]) -> None:
    assert loops(" ".join(stretch * 3))


def test_words_are_words_and_numbers() -> None:
    assert words("Дар соли 1999-ум, «Душанбе» — пойтахт.") == [
        "Дар",
        "соли",
        "1999-ум",
        "Душанбе",
        "пойтахт",
    ]


def test_there_are_a_hundred_different_questions_over_thirteen_subjects_and_seven_classes() -> None:
    questions = read_questions(SCHOOL_QUESTIONS)
    assert len({question.text for question in questions}) == len(questions) == 100
    assert len(Counter(question.subject for question in questions)) == 13
    assert {question.school_class for question in questions} == set(range(5, 12))
    # As the tutor would store them: in NFC, with no letter of an old font.
    assert [clean(question.text) for question in questions] == [one.text for one in questions]


def test_the_first_questions_are_of_all_subjects() -> None:
    questions = read_questions(SCHOOL_QUESTIONS)
    turned = by_turns(questions)
    assert sorted(one.text for one in turned) == sorted(one.text for one in questions)
    assert len({one.subject for one in turned[:13]}) == 13
    plain = [Question(text=str(number)) for number in range(5)]
    assert by_turns(plain) == plain


def test_a_plain_list_is_one_question_a_line(tmp_path: Path) -> None:
    file = tmp_path / "саволҳо.txt"
    file.write_text("\ufeffОб чист?\n\n# ёддошт\nНон чист?\n", encoding="utf-8")
    assert read_questions(file) == [Question(text="Об чист?"), Question(text="Нон чист?")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no question"),
        (b"# \xd1\x81\n\n", "no question"),
        (b"\xff\xfe", "not UTF-8"),
        ("физика\tҳафт\tЧаро?".encode(), "Line 1"),
        ("Чаро?\nфизика\t7".encode(), "Line 2"),
        ("физика\t7\t ".encode(), "Line 1"),
    ],
)
def test_a_bad_list_is_refused_in_one_sentence(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "list.tsv"
    file.write_bytes(content)
    with pytest.raises(EvaluationFailed, match=told):
        read_questions(file)


def test_only_a_line_feed_ends_a_question(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes("Савол\u2028идома?\r\nДу\x0bидома?\r\n  # эзоҳ\r\n".encode())
    assert [one.text for one in read_questions(file)] == ["Савол\u2028идома?", "Ду\x0bидома?"]


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationFailed, match=r"nowhere\.tsv"):
        read_questions(tmp_path / "nowhere.tsv")
