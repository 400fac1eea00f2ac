"""Lets a model answer questions as a pupil would get the answers, and counts what can be seen of them.

The answers come from the tutor's own session: its template, its sampling, its guards, in the child
process. Whether they are right nobody knows here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.messages import AnswerState
from soro_edge.chat.session import Answered, ChatOptions, ChatSession
from soro_edge.engine.api import Engine
from soro_edge.errors import QuestionError
from soro_edge.evaluation.school.answer_checks import (
    foreign_letters,
    in_another_language,
    loops,
    words,
)
from soro_edge.evaluation.school.questions import Question

FOREIGN_SUBJECTS = frozenset({"забони русӣ", "забони англисӣ"})
"""Here other letters belong into the answer, and are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """One question and what came of it."""

    question: Question
    text: str
    state: AnswerState
    """FAILED where the question did not fit into the context window."""
    first_word_seconds: float = 0.0
    writing_seconds: float = 0.0
    """From the first token to the last."""

    @property
    def looped(self) -> bool:
        """Whether the guard ended it, or it repeats itself more slowly than the guard sees."""
        return self.state is AnswerState.LOOPED or loops(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationReport:
    """Counts over all answers of one model; an answer is one of whole, looped, cut, empty, failed."""

    model: str
    """Name of the file."""
    max_tokens: int
    """The limit on an answer."""
    questions: int
    whole: int
    looped: int
    cut: int
    """Ended by the limit on tokens or by a full context window."""
    empty: int
    failed: int
    other_language: int
    """Outside lessons of Russian and English: mostly other letters, or long and without ғ ӣ қ ӯ ҳ ҷ."""
    judged_language: int
    """So many answers were outside those lessons."""
    in_order: int
    """Whole, and in the language of the question."""
    foreign_letters: float
    """Fraction of the letters outside the Tajik alphabet, in the same answers."""
    mean_words: float
    mean_letters: float
    words_per_second: float
    """All words by all the time of writing, the wait for the first word apart."""
    first_word_seconds: float
    """Mean."""


def answer_questions(
    engine: Engine, questions: Iterable[Question], options: ChatOptions
) -> Iterator[GivenAnswer]:
    """Each question as the first of a conversation. Raises EngineError, ModelError."""
    for question in questions:
        session = ChatSession(engine=engine, log=MemoryLog(), options=options)
        try:
            events = list(session.ask(question.text))
        except QuestionError:
            yield GivenAnswer(question=question, text="", state=AnswerState.FAILED)
            continue
        answered = events[-1]
        assert isinstance(answered, Answered)
        yield GivenAnswer(
            question=question,
            text=answered.text,
            state=answered.state,
            first_word_seconds=round(answered.statistics.first_token_seconds, 4),
            writing_seconds=round(answered.statistics.decode_seconds, 4),
        )


def report_generation(
    model: str, answers: Iterable[GivenAnswer], *, max_tokens: int
) -> GenerationReport:
    """Count. Without answers every figure is 0."""
    given = list(answers)
    tajik = [one for one in given if one.question.subject.casefold() not in FOREIGN_SUBJECTS]
    strange = {id(one) for one in tajik if in_another_language(one.text)}
    looped = {id(one) for one in given if one.looped}
    ended = [one for one in given if id(one) not in looped]
    letters = [foreign_letters(one.text) for one in tajik]
    count = max(1, len(given))
    word_count = sum(len(words(one.text)) for one in given)
    seconds = sum(one.writing_seconds for one in given)

    def in_state(state: AnswerState) -> int:
        return sum(one.state is state for one in ended)

    return GenerationReport(
        model=model,
        max_tokens=max_tokens,
        questions=len(given),
        whole=in_state(AnswerState.COMPLETE),
        looped=len(looped),
        cut=in_state(AnswerState.CUT),
        empty=in_state(AnswerState.EMPTY),
        failed=in_state(AnswerState.FAILED),
        other_language=len(strange),
        judged_language=len(tajik),
        in_order=sum(one.state is AnswerState.COMPLETE and id(one) not in strange for one in ended),
        foreign_letters=sum(foreign for foreign, _all in letters)
        / max(1, sum(all_ for _foreign, all_ in letters)),
        mean_words=word_count / count,
        mean_letters=sum(letter.isalpha() for one in given for letter in one.text) / count,
        words_per_second=word_count / seconds if seconds else 0.0,
        first_word_seconds=sum(one.first_word_seconds for one in given) / count,
    )
