"""The laws of chat's MessageLog, for the one in memory and the one in the file alike."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.messages import AnswerState, Message, MessageLog, Role
from soro_edge.control_characters import without_control_characters
from soro_edge.history.store import History

FINAL = [state for state in AnswerState if state is not AnswerState.WRITING]


@pytest.fixture(params=["memory", "file"])
def log(request: pytest.FixtureRequest) -> MessageLog:
    if request.param == "memory":
        return MemoryLog()
    history: History = request.getfixturevalue("history")
    return history.new_conversation()


def said(log: MessageLog) -> list[tuple[Role, str, AnswerState]]:
    return [(message.role, message.text, message.state) for message in log.messages()]


class TestLaws:
    def test_a_new_log_is_empty(self, log: MessageLog) -> None:
        assert list(log.messages()) == []

    def test_what_was_added_is_there_in_order(self, log: MessageLog) -> None:
        log.add_question("Як?")
        answer = log.begin_answer()
        log.write_answer(answer, "Ду.", AnswerState.COMPLETE)
        log.add_question("Се?")
        assert said(log) == [
            (Role.USER, "Як?", AnswerState.COMPLETE),
            (Role.ASSISTANT, "Ду.", AnswerState.COMPLETE),
            (Role.USER, "Се?", AnswerState.COMPLETE),
        ]

    def test_ids_are_those_of_the_messages_and_never_the_same(self, log: MessageLog) -> None:
        ids = [log.add_question("Як?"), log.begin_answer(), log.add_question("Ду?")]
        assert [message.id for message in log.messages()] == ids
        assert len(set(ids)) == 3

    def test_an_answer_begins_empty_and_unfinished(self, log: MessageLog) -> None:
        log.add_question("Як?")
        log.begin_answer()
        assert said(log)[-1] == (Role.ASSISTANT, "", AnswerState.WRITING)

    @pytest.mark.parametrize("state", FINAL)
    def test_the_last_writing_counts(self, log: MessageLog, state: AnswerState) -> None:
        log.add_question("Як?")
        answer = log.begin_answer()
        log.write_answer(answer, "Ма", AnswerState.WRITING)
        log.write_answer(answer, "Манзил", state)
        assert said(log)[-1] == (Role.ASSISTANT, "Манзил", state)

    def test_setting_aside_hides_the_last_answer_alone(self, log: MessageLog) -> None:
        log.add_question("Як?")
        log.write_answer(log.begin_answer(), "а", AnswerState.COMPLETE)
        log.add_question("Ду?")
        log.write_answer(log.begin_answer(), "б", AnswerState.COMPLETE)
        log.set_aside_answer()
        assert [text for _, text, _ in said(log)] == ["Як?", "а", "Ду?"]

    def test_setting_aside_does_nothing_after_a_question(self, log: MessageLog) -> None:
        log.set_aside_answer()
        log.add_question("Як?")
        log.set_aside_answer()
        log.set_aside_answer()
        assert [text for _, text, _ in said(log)] == ["Як?"]

    def test_writing_to_an_answer_set_aside_does_not_bring_it_back(self, log: MessageLog) -> None:
        log.add_question("Як?")
        answer = log.begin_answer()
        log.set_aside_answer()
        log.write_answer(answer, "дер", AnswerState.COMPLETE)
        assert [text for _, text, _ in said(log)] == ["Як?"]


Step = Callable[[MessageLog], None]


def ask(text: str) -> Step:
    return lambda log: void(log.add_question(text))


def answer(text: str, state: AnswerState) -> Step:
    return lambda log: log.write_answer(log.begin_answer(), text, state)


def void(_value: object) -> None:
    """A step gives nothing back."""


texts = st.text(st.characters(codec="utf-8"), max_size=30).map(without_control_characters)
steps = st.lists(
    st.one_of(
        st.builds(ask, texts),
        st.builds(answer, texts, st.sampled_from(AnswerState)),
        st.just(lambda log: log.set_aside_answer()),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(question=texts, then=steps)
def test_the_file_says_what_the_list_says_also_when_reopened(
    question: str, then: Sequence[Step]
) -> None:
    memory = MemoryLog()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite3"
        with History.open(path) as history:
            stored = history.new_conversation()
            for step in (ask(question), *then):
                step(memory)
                step(stored)
                assert said(stored) == said(memory)
            assert stored.id is not None
            number = stored.id
        with History.open(path) as history:
            assert said(history.conversation(number)) == said(memory)


def test_messages_are_values_of_chat(history: History) -> None:
    log = history.new_conversation()
    number = log.add_question("Як?")
    assert log.messages() == [Message(id=number, role=Role.USER, text="Як?")]
