"""Answers counted: every answer in one box, nothing dropped, gone on with after a power cut."""

import json
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.chat.session import ChatOptions
from soro_edge.engine.api import FinishReason, Text
from soro_edge.errors import EngineDied, EvaluationFailed
from soro_edge.evaluation.school.answers import (
    GivenAnswer,
    answer_questions,
    report_generation,
)
from soro_edge.evaluation.school.answers_file import AnswersFile, Facts
from soro_edge.evaluation.school.questions import Question
from soro_edge.testing.scripted import ScriptedAnswer, ScriptedEngine

QUESTIONS = [Question(text=f"Саволи {number}?", subject="физика") for number in range(6)]
SENTENCE = "Об моеъ аст ва дар ҳама ҷо бисёр аст."


def given(text: str, state: AnswerState = AnswerState.COMPLETE, subject: str = "") -> GivenAnswer:
    question = Question(text="Савол?", subject=subject)
    return GivenAnswer(question=question, text=text, state=state, writing_seconds=2.0)


def test_each_question_begins_a_conversation_of_its_own() -> None:
    engine = ScriptedEngine(["Ҷавоб."])
    options = ChatOptions(system="Ту омӯзгорӣ.")
    answers = list(answer_questions(engine, QUESTIONS, options))
    assert [answer.question for answer in answers] == QUESTIONS
    for question, request in zip(QUESTIONS, engine.requests, strict=True):
        told = "".join(part.text for part in request.prompt if isinstance(part, Text))
        assert told == f"user\nТу омӯзгорӣ.\n\n{question.text}\nmodel\n"


def test_every_answer_is_in_one_box() -> None:
    script: list[ScriptedAnswer | str] = [
        SENTENCE,
        "[1]",
        ScriptedAnswer(text=SENTENCE, reason=FinishReason.LOOP),
        ScriptedAnswer(text=SENTENCE, reason=FinishReason.MAX_TOKENS),
        SENTENCE * 4,  # slower than the guard sees
        "Water is a liquid.",
    ]
    answers = list(answer_questions(ScriptedEngine(script), QUESTIONS, ChatOptions()))
    found = report_generation("m.gguf", answers, max_tokens=96)
    assert (found.whole, found.empty, found.looped, found.cut, found.failed) == (2, 1, 2, 1, 0)
    assert (found.other_language, found.judged_language) == (1, 6)
    assert found.in_order == 1
    assert found.questions == 6


def test_a_question_that_does_not_fit_is_counted() -> None:
    questions = [QUESTIONS[0], Question(text="сахт " * 600), QUESTIONS[1]]
    answers = list(answer_questions(ScriptedEngine([SENTENCE]), questions, ChatOptions()))
    found = report_generation("m.gguf", answers, max_tokens=96)
    assert (found.questions, found.whole, found.failed) == (3, 2, 1)


def test_lessons_of_other_languages_may_be_in_other_letters() -> None:
    english = "I have two brothers and one sister."
    answers = [given(english, subject="забони англисӣ"), given(SENTENCE)]
    found = report_generation("m.gguf", answers, max_tokens=96)
    assert (found.other_language, found.judged_language, found.foreign_letters) == (0, 1, 0)
    assert found.in_order == 2


def test_lengths_and_speed_are_those_of_all_answers() -> None:
    found = report_generation("m.gguf", [given("як ду"), given("се чор панҷ шаш")], max_tokens=96)
    assert found.mean_words == 3
    assert found.mean_letters == 8
    assert found.words_per_second == pytest.approx(6 / 4)


def test_no_answers_make_no_error() -> None:
    assert report_generation("m.gguf", [], max_tokens=96).questions == 0


def test_a_lost_engine_is_told_and_the_answers_before_it_are_there() -> None:
    died = ScriptedAnswer(text="", fails=EngineDied(cause="SIGKILL"))
    answers = answer_questions(ScriptedEngine([SENTENCE, died]), QUESTIONS, ChatOptions())
    assert next(answers).text == SENTENCE
    with pytest.raises(EngineDied):
        next(answers)


class TestTheFile:
    FACTS: Facts = {"model_sha256": "ab", "temperature": 0.5, "seed": 1}
    ANSWERS = [
        GivenAnswer(question=one, text="Ҷавоби\nдароз ", state=AnswerState.CUT) for one in QUESTIONS
    ]

    def file(self, folder: Path, **facts: str) -> AnswersFile:
        return AnswersFile(path=folder / "ҷавобҳо.jsonl", facts={**self.FACTS, **facts})

    def written(self, folder: Path) -> AnswersFile:
        file = self.file(folder)
        assert file.open(QUESTIONS) == []
        for answer in self.ANSWERS[:4]:
            file.append(answer)
        return file

    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        assert self.written(tmp_path).open(QUESTIONS) == self.ANSWERS[:4]

    def test_wherever_the_power_went_whole_answers_are_kept(self, tmp_path: Path) -> None:
        file = self.written(tmp_path)
        data = file.path.read_bytes()
        head = data.index(b"\n") + 1
        for end in range(head, len(data), 7):
            file.path.write_bytes(data[:end])
            kept = file.open(QUESTIONS)
            assert kept == self.ANSWERS[: data[head:end].count(b"\n")]
            file.append(self.ANSWERS[len(kept)])
            assert file.open(QUESTIONS) == self.ANSWERS[: len(kept) + 1]

    def test_answers_of_another_model_are_refused(self, tmp_path: Path) -> None:
        self.written(tmp_path)
        with pytest.raises(EvaluationFailed, match="another model"):
            self.file(tmp_path, model_sha256="cd").open(QUESTIONS)

    def test_answers_to_other_questions_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(EvaluationFailed, match="other questions"):
            self.written(tmp_path).open(QUESTIONS[1:])

    @pytest.mark.parametrize("row", ["[]", "{}", "1", '{"question": 3}', "{"])
    def test_a_damaged_line_is_told(self, tmp_path: Path, row: str) -> None:
        file = self.written(tmp_path)
        with file.path.open("a", encoding="utf-8") as lines:
            lines.write(row + "\n" + json.dumps({}) + "\n")
        with pytest.raises(EvaluationFailed, match="damaged"):
            file.open(QUESTIONS)
