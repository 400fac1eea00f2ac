"""The list of school questions, and lists of a maker's own."""

from collections import Counter
from pathlib import Path

import pytest

from soro_edge.chat.letters import clean
from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.school.questions import (
    SCHOOL_QUESTIONS,
    Question,
    by_turns,
    read_questions,
)


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
