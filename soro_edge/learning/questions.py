"""Questions that come with the program: subject, class and question, one a line, in files by language.

The first screen shows some of them as examples, and the evaluation asks all of them. Knows neither.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SCHOOL_QUESTIONS = FOLDER / "school_questions.tg.tsv"
"""A hundred in Tajik, over all subjects and classes 5 to 11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a pupil."""

    text: str
    subject: str = ""
    school_class: int = 0
    """5 to 11; 0 where the list does not say."""


def parse_question(line: str) -> Question:
    """A line of a list: the question alone, or subject, class and question. Raises ValueError."""
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) == 1:
        return Question(text=cells[0])
    if len(cells) != 3 or not cells[2] or not (cells[1].isascii() and cells[1].isdigit()):
        raise ValueError(line)
    return Question(text=cells[2], subject=cells[0], school_class=int(cells[1]))


def by_turns(questions: Sequence[Question]) -> list[Question]:
    """One of each subject, then the next of each: so the first ones are a fair sample."""
    seen: Counter[str] = Counter()
    turns = []
    for question in questions:
        turns.append(seen[question.subject])
        seen[question.subject] += 1
    order = sorted(range(len(questions)), key=lambda number: (turns[number], number))
    return [questions[number] for number in order]


def examples(languages: Sequence[str], *, school_class: int = 0, begin: int = 0) -> list[str]:
    """Questions in the first of `languages` that there are some in; none where there is none.

    Of the class, where it has some, one of each subject after the other. `begin` turns the list, so
    that another day shows others.
    """
    for language in languages:
        file = FOLDER / f"school_questions.{language}.tsv"
        if file.is_file():
            break
    else:
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    questions = [parse_question(line) for line in lines if line and not line.startswith("#")]
    of_the_class = [each for each in questions if each.school_class == school_class]
    texts = [each.text for each in by_turns(of_the_class or questions)]
    turn = begin % len(texts)
    return texts[turn:] + texts[:turn]
