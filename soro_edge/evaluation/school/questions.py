"""Questions that a tutor is asked: a list in a file, one a line.

A line is the question alone, or subject, class and question with tabs between. Lines that begin with #
are notes.
"""

from pathlib import Path

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.benchmarks.records import split_lines
from soro_edge.learning.questions import SCHOOL_QUESTIONS, Question, by_turns, parse_question

__all__ = ["SCHOOL_QUESTIONS", "Question", "by_turns", "read_questions"]


def read_questions(path: Path) -> list[Question]:
    """The questions of a file, in order. Raises EvaluationFailed."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise EvaluationFailed(
            reason=f"The questions cannot be read: {path}: {error.strerror}.",
            advice="Name a text file with one question a line.",
        ) from error
    except UnicodeDecodeError as error:
        raise EvaluationFailed(
            reason=f"The questions are not UTF-8: {path}, byte {error.start}.",
            advice="Save the file as UTF-8.",
        ) from error
    found = [
        _question(path, number, line)
        for number, line in enumerate(split_lines(text), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not found:
        raise EvaluationFailed(
            reason=f"There is no question in {path}.", advice="Write one question a line."
        )
    return found


def _question(path: Path, number: int, line: str) -> Question:
    try:
        return parse_question(line)
    except ValueError:
        raise EvaluationFailed(
            reason=f"Line {number} of {path} is no question: {line.strip()[:60]}",
            advice="A line is a question, or subject, class (a number) and question with tabs between.",
        ) from None
