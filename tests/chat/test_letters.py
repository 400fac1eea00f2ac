"""What becomes of a question's letters before it is stored and asked."""

import time

import pytest

from soro_edge.chat.letters import (
    LONGEST_INPUT_BYTES,
    MARKS_ON_A_LETTER,
    can_be_seen,
    clean,
)
from soro_edge.errors import InputTooLong, NotUtf8


@pytest.mark.parametrize(
    "typed",
    [
        "Тарҷума кун: ўзбекча, Київ, Україна, Љубљана, Њујорк, ѓ ќ",
        "Ўзбекистон пойтахти қайси шаҳар? Бу сўз нима?",
        "Тарҷумаи «Україна» чист?",
        "Ён быў у школе",
        "Македонија: ѓубре, ќерка",
        "Киів і Київ",
        "hȳdan",
        "Ӯ гуфт: г, к, х",
    ],
)
def test_neighbours_words_reach_the_model_as_typed(typed: str) -> None:
    assert clean(typed) == typed


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Љумњурии Тољикистон", "Ҷумҳурии Тоҷикистон"),
        (
            "Њудуди Тољикистон ба чанд ќисм таќсим мешавад?",
            "Ҳудуди Тоҷикистон ба чанд қисм тақсим мешавад?",
        ),
        ("ман бо дўстам рўзи шанбе омадам", "ман бо дӯстам рӯзи шанбе омадам"),
        ("Забони ўзбекї", "Забони ӯзбекӣ"),
        ("Дўстам дар Київ зиндагї мекунад", "Дӯстам дар Київ зиндагӣ мекунад"),
        ("ҷўй", "ҷӯй"),
        ("ȳро дидам", "ӯро дидам"),
        ("тоҷики\u0304, ту\u0304л", "тоҷикӣ, тӯл"),
        ("ТОЉИКЇ", "ТОҶИКӢ"),
    ],
)
def test_tajik_words_get_their_letters(typed: str, meant: str) -> None:
    assert clean(typed) == meant


def test_what_steers_a_terminal_is_dropped_and_the_rest_stays() -> None:
    assert (
        clean("\ufeffсалом\r\n\x1b]0;ном\x07\u202eдунё\x00\x9b2J\tкор\r")
        == "салом\n]0;номдунё2J\tкор"
    )
    assert clean("👩‍👧 می‌خواهم") == "👩‍👧 می‌خواهم"


@pytest.mark.parametrize(
    "blank",
    [
        "",
        " \n",
        "\u200b",
        "\ufeff",
        "\u2060",
        "\u00a0",
        "\u00ad",
        "\u202e",
        "\u2800",
        "\u3164",
        "\u0301",
        "\u200d\ufe0f",
    ],
)
def test_what_nobody_can_see_is_no_question(blank: str) -> None:
    assert not can_be_seen(clean(blank))


@pytest.mark.parametrize("question", ["?", "…", "5", "π", "√", "👍🏽", "我"])
def test_one_sign_is_a_question(question: str) -> None:
    assert can_be_seen(clean(question))


def test_a_question_beyond_the_bound_is_refused() -> None:
    assert clean("а" * (LONGEST_INPUT_BYTES // 2))
    with pytest.raises(InputTooLong):
        clean("а" * (LONGEST_INPUT_BYTES // 2) + "б")


def test_bytes_that_were_no_utf8_are_refused() -> None:
    with pytest.raises(NotUtf8):
        clean("салом\udcff")


def test_marks_without_end_cost_no_quadratic_time() -> None:
    begin = time.process_time()
    assert clean("а" + "\u0301\u0316" * 150_000) == "а" + "\u0316" * 15 + "\u0301" * 15
    assert time.process_time() - begin < 5
    assert MARKS_ON_A_LETTER == 30
