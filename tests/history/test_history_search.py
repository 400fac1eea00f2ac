"""What is found, in which order, and what is shown of it."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soro_edge.chat.messages import AnswerState
from soro_edge.control_characters import without_control_characters
from soro_edge.history.search import snippet_of
from soro_edge.history.store import History


def keep(history: History, *questions: str) -> list[int]:
    """A conversation with these questions; the messages' ids."""
    log = history.new_conversation()
    return [log.add_question(question) for question in questions]


def found(history: History, words: str, limit: int = 50) -> list[int | None]:
    return [hit.message_id for hit in history.search(words, limit=limit)]


def test_every_word_must_occur_and_the_last_may_be_unfinished(history: History) -> None:
    both, one, _other = keep(history, "Об дар ҳарорати сифр", "Об ҷӯшид", "Оҳан")
    assert found(history, "об") == [one, both]
    assert found(history, "ҳарорати об") == [both]
    assert found(history, "об ҳар") == [both]
    assert found(history, "ҳар об") == []


@pytest.mark.parametrize("typed", ["таърихи чугрофия", "тарихи ҷуғрофия", "ТАЪРИХИ љуѓроф"])
def test_letters_typed_another_way_find_the_same(history: History, typed: str) -> None:
    (message,) = keep(history, "Таърихи ҷуғрофияи Тоҷикистон")
    assert found(history, typed) == [message]


def test_the_newest_come_first_and_no_more_than_asked(history: History) -> None:
    ids = [keep(history, f"Об {number}")[0] for number in range(5)]
    assert found(history, "об", limit=3) == ids[:1:-1]


@pytest.mark.parametrize(
    "words", ["", " ", "?", "ъ", '"', "*", "AND", 'а" OR "б', "NEAR(а б)", "-"]
)
def test_a_persons_words_are_never_a_query_language(history: History, words: str) -> None:
    keep(history, "а", "б")
    assert found(history, words) == []


@settings(max_examples=80)
@example(text="0:\u19b0")
@given(text=st.text(max_size=40).map(without_control_characters))
def test_whatever_was_written_finds_itself(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "history.sqlite3"
    with History.open(path) as history:
        (message,) = keep(history, text)
        # SQLite takes letters of far scripts, younger than its tables, for no letters: a word of them
        # alone is in no message.
        written = [letter for letter in text if letter.isalnum()]
        sure = any(map(str.isascii, written)) and max(written) < "\u0590"
        hits = found(history, text)
        assert hits == [message] if sure else hits in ([], [message])


def test_an_answer_is_found_when_it_is_finished_and_by_its_last_text(history: History) -> None:
    log = history.new_conversation()
    log.add_question("Савол")
    answer = log.begin_answer()
    log.write_answer(answer, "Душ", AnswerState.WRITING)
    assert found(history, "душ") == []
    log.write_answer(answer, "Душанбе", AnswerState.COMPLETE)
    assert found(history, "душанбе") == [answer]
    log.write_answer(answer, "Хуҷанд", AnswerState.COMPLETE)
    assert (found(history, "душанбе"), found(history, "хуҷанд")) == ([], [answer])


def test_an_answer_that_a_power_cut_left_is_found_after_the_next_start(path: Path) -> None:
    with History.open(path) as history:
        log = history.new_conversation()
        log.add_question("Савол")
        answer = log.begin_answer()
        log.write_answer(answer, "Душан", AnswerState.WRITING)
    for _start in range(2):
        with History.open(path) as history:
            assert found(history, "душан") == [answer]


def test_a_title_that_a_person_gave_is_found_first(history: History) -> None:
    (message,) = keep(history, "Имтиҳон кай аст?")
    number = history.search("имтиҳон")[0].conversation_id
    history.rename(number, "Физика")
    history.rename(number, "Омодагӣ ба имтиҳон")
    title, hit = history.search("имтиҳон")
    assert (title.message_id, title.conversation_id, str(title.snippet)) == (
        None,
        number,
        "Омодагӣ ба имтиҳон",
    )
    assert (hit.message_id, hit.title) == (message, "Омодагӣ ба имтиҳон")
    assert history.search("физика") == []
    assert len(history.search("имтиҳон", limit=1)) == 1


def test_the_snippet_shows_the_original_letters() -> None:
    text = "Аввал\nин ҷост. " * 10 + "Пойтахти Тоҷикистон — шаҳри Душанбе аст. " + "Охир. " * 40
    snippet = snippet_of(text, ["шахри", "точик"])
    assert snippet.match == "Тоҷикистон"
    assert str(snippet).startswith("…") and str(snippet).endswith("…")
    assert "Пойтахти Тоҷикистон — шаҳри Душанбе аст. Охир." in str(snippet)
    assert "\n" not in str(snippet)


def test_a_short_text_is_shown_whole() -> None:
    assert str(snippet_of("Об чист?", ["чист"])) == "Об чист?"


@given(st.text(), st.text(min_size=1))
def test_a_snippet_is_short_and_its_match_is_in_the_text(text: str, word: str) -> None:
    snippet = snippet_of(text, [word])
    assert snippet.match in text
    assert len(snippet.before) <= 41 and len(snippet.after) <= 101
