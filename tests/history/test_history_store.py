"""Lists, titles, deleting: what the screen of conversations relies on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.errors import NoConversation
from soro_edge.history.log import ConversationLog
from soro_edge.history.store import History
from soro_edge.history.titles import TITLE_LETTERS, title_of


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def conversation(history: History, question: str) -> int:
    log = history.new_conversation()
    log.add_question(question)
    log.write_answer(log.begin_answer(), f"ҷавоб: {question}", AnswerState.COMPLETE)
    assert log.id is not None
    return log.id


def test_no_conversation_without_a_question(history: History) -> None:
    log = history.new_conversation()
    log.messages()
    log.set_aside_answer()
    with pytest.raises(NoConversation):
        log.begin_answer()
    assert history.conversations() == []


def test_newest_activity_first_with_times_and_counts(path: Path) -> None:
    clock = Clock()
    with History.open(path, clock=clock) as history:
        old, new = conversation(history, "Якум"), conversation(history, "Дуюм")
        assert [line.id for line in history.conversations()] == [new, old]
        history.conversation(old).add_question("Боз")
        first, second = history.conversations()
        assert (first.id, second.id) == (old, new)
        assert (first.messages, second.messages) == (3, 2)
        assert first.updated == clock.now
        assert first.created < second.created < second.updated < first.updated
        assert history.describe(old) == first


def test_pages_cover_the_list_once(history: History) -> None:
    made = [conversation(history, f"Саволи {number}") for number in range(7)]
    pages = [history.conversations(limit=3, offset=offset) for offset in (0, 3, 6)]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(line.id for page in pages for line in page) == made


def test_renaming_changes_the_title_and_not_the_order(history: History) -> None:
    old, new = conversation(history, "Якум"), conversation(history, "Дуюм")
    history.rename(old, "  Имтиҳони\nфизика ")
    history.rename(new, " \n")
    assert [line.title for line in history.conversations()] == ["Дуюм", "Имтиҳони физика"]


def test_deleting_leaves_no_word_behind(history: History) -> None:
    kept, gone = conversation(history, "Об чист?"), conversation(history, "Оташ чист?")
    history.rename(gone, "Алангаи сурх")
    history.delete(gone)
    assert [line.id for line in history.conversations()] == [kept]
    assert history.search("оташ") == history.search("аланга") == []
    assert [hit.conversation_id for hit in history.search("об чист")] == [kept, kept]
    with history._database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM search").fetchone() == (2,)


def test_what_is_not_there_is_said(history: History) -> None:
    for call in (history.describe, history.messages, history.conversation, history.delete):
        with pytest.raises(NoConversation):
            call(7)
    with pytest.raises(NoConversation):
        history.rename(7, "ном")


def test_a_log_of_a_deleted_conversation_writes_nowhere(history: History) -> None:
    log = history.new_conversation()
    log.add_question("Якум")
    answer = log.begin_answer()
    assert log.id is not None
    history.delete(log.id)
    other = history.new_conversation()
    other.add_question("Дуюм")
    before = other.messages()
    with pytest.raises(NoConversation):
        log.add_question("?")
    with pytest.raises(NoConversation):
        log.begin_answer()
    with pytest.raises(NoConversation):
        log.write_answer(answer, "дер", AnswerState.COMPLETE)
    assert other.messages() == before
    assert other.id != log.id


def test_an_answer_set_aside_stays_in_the_file_and_is_not_found(history: History) -> None:
    log: ConversationLog = history.new_conversation()
    log.add_question("Об чист?")
    answer = log.begin_answer()
    log.write_answer(answer, "Мо", AnswerState.COMPLETE)
    log.set_aside_answer()
    assert history.search("мо") == []
    log.write_answer(answer, "Моеъ", AnswerState.COMPLETE)
    assert history.search("моеъ") == []
    assert history.conversations()[0].messages == 1
    with history._database.reading() as connection:
        rows = connection.execute("SELECT text FROM messages WHERE superseded = 1").fetchall()
    assert rows == [("Моеъ",)]


def test_a_flipped_bit_in_a_text_hides_nothing(path: Path) -> None:
    with History.open(path) as history:
        number = conversation(history, "Об чист?")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE messages SET text = CAST(x'D09EFFB1' AS TEXT), state = 'strange'"
            " WHERE role = 'assistant'"
        )
    with History.open(path) as history:
        message = history.messages(number)[1]
        assert (message.text, message.state) == ("О\ufffd\ufffd", AnswerState.FAILED)


def test_text_that_utf8_cannot_hold_is_kept_as_far_as_it_can(history: History) -> None:
    log = history.new_conversation()
    log.add_question("а\ud800б")
    assert log.messages()[0].text == "а?б"


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Пойтахти Тоҷикистон?", "Пойтахти Тоҷикистон?"),
        ("  Ду\n\nсатр ", "Ду сатр"),
        (" \n", "…"),
        ("калима " * 20, "калима калима калима калима калима калима калима калима…"),
        ("а" * 61, "а" * 59 + "…"),
        ("а" * 60, "а" * 60),
    ],
)
def test_title_of_a_question(question: str, title: str) -> None:
    assert title_of(question) == title
    assert len(title) <= TITLE_LETTERS


def test_numbers_that_sqlite_does_not_take_are_of_no_conversation(history: History) -> None:
    history.new_conversation().add_question("Савол")
    for number in (10**20, -(10**20)):
        with pytest.raises(NoConversation):
            history.describe(number)
    assert len(history.conversations(limit=10**20)) == 1
