"""Answers on disk as they come, one JSON line each: after Ctrl-C or a power cut the rest is asked.

The first line says of what the answers are; answers of another model or another sampling are refused. A
last line that is not whole is dropped.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from soro_edge.chat.messages import AnswerState
from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.school.answers import GivenAnswer
from soro_edge.evaluation.school.questions import Question
from soro_edge.paths import storage_error, write_whole

VERSION = 1
Facts = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersFile:
    """Answers of one model to one list of questions."""

    path: Path
    facts: Facts
    """What must be equal for answers to belong together: the model's SHA-256, sampling, limits."""

    def open(self, questions: Sequence[Question]) -> list[GivenAnswer]:
        """The answers that are there, the first ones of the list; the file is ready for the next.

        Raises EvaluationFailed, StorageError.
        """
        answers = self._read(questions)
        lines = map(_line, [self._head(), *map(asdict, answers)])
        write_whole(self.path, "".join(lines).encode("utf-8"))
        return answers

    def append(self, answer: GivenAnswer) -> None:
        """Returns when the answer is safe. Raises StorageError."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(asdict(answer)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(error, self.path) from error

    def _read(self, questions: Sequence[Question]) -> list[GivenAnswer]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error
        try:
            rows = [json.loads(line) for line in lines[:-1]]
        except ValueError as error:
            raise self._refused("it is damaged") from error
        if not rows:
            return []
        if rows[0] != self._head():
            raise self._refused("it belongs to another model, other settings or another version")
        try:
            answers = [_answer(row) for row in rows[1:]]
        except (TypeError, KeyError, ValueError) as error:
            raise self._refused("it is damaged") from error
        if [answer.question for answer in answers] != list(questions[: len(answers)]):
            raise self._refused("it belongs to other questions")
        return answers

    def _head(self) -> Facts:
        return {"answers_version": VERSION, **self.facts}

    def _refused(self, reason: str) -> EvaluationFailed:
        return EvaluationFailed(
            reason=f"The answers in {self.path} cannot be gone on with: {reason}.",
            advice="Name another file, or delete this one.",
        )


def _line(row: object) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _answer(row: object) -> GivenAnswer:
    if not isinstance(row, dict):
        raise TypeError(row)
    question = row["question"]
    if not isinstance(question, dict):
        raise TypeError(question)
    fields = {**row, "question": Question(**question), "state": AnswerState(str(row["state"]))}
    return GivenAnswer(**fields)
