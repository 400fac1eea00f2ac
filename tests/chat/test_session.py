"""Laws of a conversation: stored first, kept when things go wrong, never more than the window."""

import threading
from collections.abc import Iterable

import pytest

from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.messages import AnswerState, Role
from soro_edge.chat.session import (
    Answered,
    ChatEvent,
    ChatOptions,
    ChatSession,
    NotSaved,
    TurnsDropped,
)
from soro_edge.engine.api import FinishReason, Text, TextPiece
from soro_edge.errors import (
    ConversationGone,
    DiskFull,
    EmptyQuestion,
    EngineDied,
    NothingToRepeat,
    NotUtf8,
    QuestionTooLong,
)
from soro_edge.model_errors import NoModel
from soro_edge.testing.scripted import ScriptedAnswer, ScriptedEngine


def session_of(*answers: ScriptedAnswer | str) -> tuple[ChatSession, MemoryLog, ScriptedEngine]:
    log, engine = MemoryLog(), ScriptedEngine(answers or ["Салом!"])
    return ChatSession(engine=engine, log=log), log, engine


def answer_of(events: Iterable[ChatEvent]) -> Answered:
    last = list(events)[-1]
    assert isinstance(last, Answered)
    return last


def test_the_streamed_text_is_the_stored_text() -> None:
    session, log, _engine = session_of("Салом! Ман омӯзгорам.")
    streamed = "".join(e.text for e in session.ask("Салом") if isinstance(e, TextPiece))
    question, answer = log.messages()
    assert (question.role, question.text) == (Role.USER, "Салом")
    assert streamed == answer.text == "Салом! Ман омӯзгорам."
    assert answer.state is AnswerState.COMPLETE


def test_what_a_model_writes_steers_no_terminal() -> None:
    # An OSC sequence split over deltas, a bidi override, a clearing of the screen, a delta of nothing else.
    session, log, _engine = session_of(
        "Душанбе \x1b]52; \x1b\x07 c;c2Fsb20=\x07 \u202eаст\x9b2J \r\n\x00"
    )
    streamed = "".join(e.text for e in session.ask("Пойтахт?") if isinstance(e, TextPiece))
    assert streamed == log.messages()[1].text == "Душанбе ]52;  c;c2Fsb20= аст2J \n"


@pytest.mark.parametrize("question", ["\u200b", "\ufeff", "\u2800\u3164", "\u202e", "\u0301"])
def test_a_question_that_nobody_can_see_is_not_asked(question: str) -> None:
    session, log, engine = session_of()
    with pytest.raises(EmptyQuestion):
        list(session.ask(question))
    assert not log.messages() and not engine.requests


def test_more_than_a_megabyte_is_neither_stored_nor_asked() -> None:
    session, log, engine = session_of()
    with pytest.raises(QuestionTooLong):
        list(session.ask("а" * 500_001))
    assert not log.messages() and not engine.requests


def test_the_question_is_stored_before_the_engine_is_asked() -> None:
    log = MemoryLog()
    session = ChatSession(engine=ScriptedEngine(load_fails=NoModel(name="x")), log=log)
    with pytest.raises(NoModel):
        list(session.ask("Савол"))
    assert [message.text for message in log.messages()] == ["Савол"]


def test_the_next_prompt_holds_the_earlier_turns() -> None:
    session, _log, engine = session_of("як", "ду")
    list(session.ask("аввал"))
    list(session.ask("дуюм"))
    told = "".join(p.text for p in engine.requests[1].prompt if isinstance(p, Text))
    assert told.index("аввал") < told.index("як") < told.index("дуюм")


@pytest.mark.parametrize(
    ("text", "state"), [("", "empty"), ("[1]", "empty"), (" \n", "empty"), ("2", "complete")]
)
def test_an_answer_that_says_nothing_is_empty(text: str, state: str) -> None:
    session, _log, _engine = session_of(text)
    assert answer_of(session.ask("Чанд?")).state == state


def test_a_loop_is_told_and_left_out_of_the_next_prompt() -> None:
    session, log, engine = session_of(ScriptedAnswer(text="ва ва", reason=FinishReason.LOOP), "хуб")
    assert answer_of(session.ask("аввал")).state is AnswerState.LOOPED
    list(session.ask("дуюм"))
    told = "".join(p.text for p in engine.requests[1].prompt if isinstance(p, Text))
    assert "ва ва" not in told and log.messages()[1].text == "ва ва"


def test_a_lost_engine_leaves_the_half_answer() -> None:
    died = EngineDied(cause="SIGKILL")
    session, log, _engine = session_of(ScriptedAnswer(text="нисфи ҷавоб", fails=died), "пурра")
    with pytest.raises(EngineDied):
        list(session.ask("Савол"))
    assert (log.messages()[1].text, log.messages()[1].state) == ("нисфи ҷавоб", AnswerState.FAILED)
    assert answer_of(session.ask("Боз")).text == "пурра"


def test_leaving_in_the_middle_keeps_what_was_streamed() -> None:
    session, log, _engine = session_of("як ду се чор")
    events = session.ask("Шумор")
    streamed = ""
    for event in events:
        if isinstance(event, TextPiece):
            streamed += event.text
            if streamed == "як ду":
                break
    events.close()
    assert (log.messages()[1].text, log.messages()[1].state) == ("як ду", AnswerState.STOPPED)


def test_stop_keeps_the_part_and_the_session_goes_on() -> None:
    gate = threading.Event()
    session, log, _engine = session_of(ScriptedAnswer(text="як ду се", gate=gate), "баъд")
    for event in session.ask("Шумор"):
        if isinstance(event, TextPiece):
            session.stop()
            gate.set()
    assert (log.messages()[1].text, log.messages()[1].state) == ("як", AnswerState.STOPPED)
    assert answer_of(session.ask("Боз")).text == "баъд"


def test_again_replaces_the_answer_and_only_when_text_comes() -> None:
    died = EngineDied(cause="SIGKILL")
    session, log, _engine = session_of("кӯҳна", ScriptedAnswer(text="", fails=died), "нав")
    list(session.ask("Савол"))
    with pytest.raises(EngineDied):
        list(session.again())
    assert log.messages()[1].text == "кӯҳна"
    list(session.again())
    assert [message.text for message in log.messages()] == ["Савол", "нав"]


def test_again_without_a_question_is_an_error() -> None:
    session, _log, _engine = session_of()
    with pytest.raises(NothingToRepeat):
        list(session.again())


def test_whole_oldest_turns_go_and_the_newest_question_stays() -> None:
    session, _log, engine = session_of("ҷавоб " * 60)
    dropped = 0
    for number in range(12):
        for event in session.ask(f"савол{number}"):
            if isinstance(event, TurnsDropped):
                dropped = event.turns
        told = "".join(p.text for p in engine.requests[-1].prompt if isinstance(p, Text))
        assert f"савол{number}" in told
        assert engine.count_tokens([engine.requests[-1].prompt])[0] <= 512
    assert dropped > 0 and "савол0" not in told


def test_a_question_longer_than_the_window_is_refused_and_kept() -> None:
    session, log, _engine = session_of()
    with pytest.raises(QuestionTooLong):
        list(session.ask("дароз " * 2000))
    assert len(log.messages()) == 1


@pytest.mark.parametrize(
    ("typed", "error"), [("", EmptyQuestion), (" \n\t", EmptyQuestion), ("а\udcff", NotUtf8)]
)
def test_a_bad_question_is_not_stored(typed: str, error: type[Exception]) -> None:
    session, log, _engine = session_of()
    with pytest.raises(error):
        list(session.ask(typed))
    assert log.messages() == []


def test_legacy_letters_are_mapped_on_input() -> None:
    session, log, _engine = session_of()
    list(session.ask("њаќ ва љои аљиб, ту\u0304л"))
    assert log.messages()[0].text == "ҳақ ва ҷои аҷиб, тӯл"


class FullLog(MemoryLog):
    """A disk that is full after the question, until it is emptied."""

    full = True

    def write_answer(self, answer_id: int, text: str, state: AnswerState) -> None:
        if self.full:
            raise DiskFull(path="x")
        super().write_answer(answer_id, text, state)


@pytest.mark.parametrize("emptied", [False, True])
def test_a_full_disk_does_not_stop_the_answer(emptied: bool) -> None:
    log = FullLog()
    session = ChatSession(engine=ScriptedEngine(["як ду се"]), log=log)
    streamed, warnings = "", 0
    for event in session.ask("Савол"):
        if isinstance(event, TextPiece):
            streamed += event.text
        elif isinstance(event, NotSaved):
            warnings += 1
            log.full = not emptied
    assert streamed == "як ду се" and warnings == 1
    assert isinstance(event, Answered) and event.saved is emptied
    assert log.messages()[-1].text == ("як ду се" if emptied else "")


class GoneLog(MemoryLog):
    """A conversation that another window deletes while its answer is written."""

    def write_answer(self, answer_id: int, text: str, state: AnswerState) -> None:
        raise ConversationGone(id=1)


def test_an_engine_forgets_a_conversation_that_was_deleted_meanwhile() -> None:
    forgotten: list[int] = []

    class Engine(ScriptedEngine):
        def forget(self) -> None:
            forgotten.append(1)

    session = ChatSession(engine=Engine(["як ду се"]), log=GoneLog())
    assert not answer_of(session.ask("Савол")).saved
    assert forgotten == [1]


def test_prepare_names_what_the_next_prompt_begins_with() -> None:
    engine, log = ScriptedEngine(["Салом!"]), MemoryLog()
    session = ChatSession(engine=engine, log=log, options=ChatOptions(system="Ту омӯзгорӣ."))
    session.prepare()
    list(session.ask("Салом"))
    session.prepare("Чаро осмон кабу")
    list(session.ask("Чаро осмон кабуд аст?"))
    for prepared, request in zip(engine.prepared, engine.requests, strict=True):
        whole, last = request.prompt, prepared[-1]
        assert prepared[:-1] == whole[: len(prepared) - 1]
        asked = whole[len(prepared) - 1]
        assert isinstance(last, Text) and isinstance(asked, Text)
        assert asked.text.startswith(last.text)
    assert isinstance(engine.prepared[1][-1], Text)
    assert engine.prepared[1][-1].text.endswith("Чаро осмон")


@pytest.mark.parametrize(("draft", "paused"), [("Чаро осмон кабуд аст?", False), ("Чаро", True)])
def test_a_question_that_may_be_sent_is_prepared_whole(draft: str, paused: bool) -> None:
    engine, log = ScriptedEngine(["Салом!", "Зеро"]), MemoryLog()
    session = ChatSession(engine=engine, log=log, options=ChatOptions(system="Ту омӯзгорӣ."))
    list(session.ask("Салом"))
    session.prepare(f" {draft} ", paused=paused)
    list(session.ask(draft))
    assert engine.prepared == [engine.requests[-1].prompt]


def test_nothing_is_prepared_while_an_answer_is_written() -> None:
    engine = ScriptedEngine(["Як ду се."])
    session = ChatSession(engine=engine, log=MemoryLog())
    events = session.ask("Салом")
    next(events)
    session.prepare("Чаро ")
    events.close()
    assert engine.prepared == []
    session.prepare("Чаро ")
    assert len(engine.prepared) == 1
