"""The right option of an item: found by letter, by number or by text, or refused where that is not certain.

Knows tasks and records, no prompt and no model.
"""

from collections.abc import Sequence

from soro_edge.evaluation.benchmarks.labels import (
    Alphabet,
    alphabets_of,
    capital,
    positions,
    read_as,
)
from soro_edge.evaluation.benchmarks.options import Options, Unfit, read_options
from soro_edge.evaluation.benchmarks.records import Record, same_text
from soro_edge.evaluation.benchmarks.task import Task


class Undecided(Exception):
    """Why the answers of a whole file cannot be read, with the line that shows it."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.advice = advice


def options_of(task: Task, record: Record) -> Options:
    """The options of one record, as many as the task says. Raises Unfit."""
    if task.answers.labels:
        return Options(texts=task.answers.labels)
    options = read_options(record, task.fields.options)
    if len(options.texts) != task.answers.count:
        raise Unfit(f"{len(options.texts)} options instead of {task.answers.count}")
    if not all(options.texts):
        raise Unfit("an option is empty")
    return options


class AnswerKey:
    """Reads the right answers of one file: all of its letters or numbers together tell what each means."""

    def __init__(self, task: Task, records: Sequence[Record]) -> None:
        """Raises Undecided."""
        self._task = task
        self._alphabets: tuple[Alphabet, ...] = ()
        if task.kind not in ("choice", "letter"):
            return
        usable = []
        for record in records:
            try:
                if not record.fault and _answer(task, record):
                    usable.append((record, options_of(task, record)))
            except Unfit:
                continue
        if task.answers.form == "letter":
            self._read_letters(usable)
        elif task.answers.form in ("index", "number"):
            self._refuse_shifted_numbers(usable)

    def right(self, record: Record, options: Options) -> int:
        """The number of the right option. Raises Unfit."""
        words = _answer(self._task, record)
        if not words:
            raise Unfit("no answer")
        match self._task.answers.form:
            case "text":
                right = _by_text(words, options)
            case "letter":
                right = self._by_letter(words, options)
            case form:
                number = _number(words)
                if words in options.labels:
                    right = options.labels.index(words)
                else:
                    right = -1 if number is None else number - (form == "number")
        if not 0 <= right < len(options.texts):
            raise Unfit(f"the answer «{words[:40]}» is none of the options")
        return right

    def _by_letter(self, words: str, options: Options) -> int:
        if options.unclear_labels:
            raise Unfit(options.unclear_labels)
        letter = capital(words)
        if not letter:
            keys = [label.casefold() for label in options.labels]
            return keys.index(words.casefold()) if words.casefold() in keys else -1
        possible = self._positions(letter, options)
        if len(possible) > 1:
            raise Unfit(_unclear(words, possible))
        return next(iter(possible), -1)

    def _own_letters(self) -> str:
        """Letters that the task names for its options, where they are not just A B C D."""
        letters = self._task.answers.letters
        return "" if letters.isascii() and letters.isalpha() else letters

    def _positions(self, letter: str, options: Options) -> frozenset[int]:
        own = self._own_letters()
        if own and not options.labels:
            letter = read_as(letter, own)
            return frozenset({own.index(letter)} if letter else ())
        return positions(letter, options.labels, len(options.texts), self._alphabets)

    def _read_letters(self, usable: Sequence[tuple[Record, Options]]) -> None:
        letters = [capital(_answer(self._task, record)) for record, _ in usable]
        labels = [label for _, options in usable for label in options.labels]
        self._alphabets = alphabets_of(letters) or alphabets_of(labels)
        if self._alphabets:
            return
        for (record, options), letter in zip(usable, letters, strict=True):
            possible = self._positions(letter, options) if letter else frozenset()
            if len(possible) > 1:
                raise Undecided(
                    f"{record.place}: {_unclear(letter, possible)}, and no other answer tells which",
                    "Write the answers with the Latin letters A B C D.",
                )

    def _refuse_shifted_numbers(self, usable: Sequence[tuple[Record, Options]]) -> None:
        """Refuse answers that are counted from another number than the task says, all of them."""
        form = self._task.answers.form
        beyond: Record | None = None
        for record, options in usable:
            words = _answer(self._task, record)
            number = None if words in options.labels else _number(words)
            if number == (0 if form == "index" else len(options.texts)):
                return
            if number == (len(options.texts) if form == "index" else 0):
                beyond = beyond or record
        if beyond is None:
            return
        first, others = ("0", "1") if form == "index" else ("1", "0")
        raise Undecided(
            f"{beyond.place}: the answer is {_answer(self._task, beyond)}, so the answers count from"
            f" {others}, and the task counts from {first}",
            f'Say form = "{"number" if form == "index" else "index"}" under [answers] of the task.',
        )


def _answer(task: Task, record: Record) -> str:
    value = record.get(task.fields.answer)
    return "" if value is None else str(value).strip()


def _number(words: str) -> int | None:
    digits = words.removesuffix(".0")
    return int(digits) if digits.isascii() and digits.isdigit() else None


def _by_text(words: str, options: Options) -> int:
    """The option with the same words. Raises Unfit where two have them."""
    for texts in (options.texts, options.written):
        same = [index for index, text in enumerate(texts) if text == words]
        same = same or [index for index, text in enumerate(texts) if same_text(text, words)]
        if len(same) > 1:
            raise Unfit(f"the answer «{words[:40]}» is {len(same)} of the options")
        if same:
            return same[0]
    return -1


def _unclear(words: str, possible: frozenset[int]) -> str:
    first, second = sorted(possible)[:2]
    return f"the answer «{words[:40]}» may be option {first + 1} or option {second + 1}"
