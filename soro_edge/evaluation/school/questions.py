"""Questions that a tutor is asked: a list in a file, one a line.

A line is the question alone, or subject, class and question with tabs between. Lines that begin with #
are notes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.benchmarks.records import split_lines

SCHOOL_QUESTIONS = Path(__file__).parents[1] / "data" / "school_questions.tg.tsv"
"""A hundred, over all subjects and classes 5 to 11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a pupil."""

    text: str
    subject: str = ""
    school_class: int = 0
    """5 to 11; 0 where the list does not say."""


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


def by_turns(questions: Sequence[Question]) -> list[Question]:
    """One of each subject, then the next of each: so the first ones are a fair sample."""
    seen: Counter[str] = Counter()
    turns = []
    for question in questions:
        turns.append(seen[question.subject])
        seen[question.subject] += 1
    order = sorted(range(len(questions)), key=lambda number: (turns[number], number))
    return [questions[number] for number in order]


def _question(path: Path, number: int, line: str) -> Question:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) == 1:
        return Question(text=cells[0])
    if len(cells) != 3 or not cells[2] or not (cells[1].isascii() and cells[1].isdigit()):
        raise EvaluationFailed(
            reason=f"Line {number} of {path} is no question: {line.strip()[:60]}",
            advice="A line is a question, or subject, class (a number) and question with tabs between.",
        )
    return Question(text=cells[2], subject=cells[0], school_class=int(cells[1]))
