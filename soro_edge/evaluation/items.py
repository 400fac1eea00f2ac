"""Records to items that are fit to be asked; those that are not are kept, each with its reason.

Knows tasks and records, no prompt and no model.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from soro_edge.evaluation.records import Record
from soro_edge.evaluation.results import BadItem
from soro_edge.evaluation.task import Task

LOOKALIKES = str.maketrans("АВСЕ", "ABCE")
"""Cyrillic letters that are typed for Latin ones."""
_LETTERED = re.compile(r"([A-EА-Е])\s*[).:]\s*(.*)", re.DOTALL)
"""`A) Душанбе`, where the letters stand in the options themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question with all that is known of it."""

    id: str
    record: Record
    options: tuple[str, ...] = ()
    right: int = -1
    """Number of the right option; -1 where there are no options."""
    answer: str = ""
    """The right answer in words: the option's, or what is to be generated."""


class _Unfit(Exception):
    """Why a record is no item."""


def read_items(task: Task, records: Sequence[Record]) -> tuple[list[Item], list[BadItem]]:
    """In the order of the data. What `data.only` leaves out is neither."""
    items: list[Item] = []
    bad: list[BadItem] = []
    seen: set[str] = set()
    for number, record in enumerate(records, 1):
        if any(str(record.get(key)) != value for key, value in task.data.only.items()):
            continue
        given = record.get(task.fields.id)
        name = str(number if given in (None, "") else given)
        name = name if name not in seen else f"{name} (record {number})"
        seen.add(name)
        try:
            items.append(_item(task, name, record))
        except _Unfit as unfit:
            bad.append(BadItem(item=name, reason=str(unfit)))
    return items, bad


def _item(task: Task, name: str, record: Record) -> Item:
    if task.kind == "text":
        return Item(id=name, record=record, answer=_words(record, task.fields.text))
    if task.kind == "translation":
        return Item(id=name, record=record, answer=_words(record, "other"))
    if task.kind == "answer":
        return Item(id=name, record=record, answer=_words(record, task.fields.answer))
    options = task.answers.labels or _options(task, record)
    if not task.answers.labels and len(options) != task.answers.count:
        raise _Unfit(f"{len(options)} options instead of {task.answers.count}")
    if not all(options):
        raise _Unfit("an option is empty")
    right = _right(task, record, options)
    return Item(id=name, record=record, options=options, right=right, answer=options[right])


def _words(record: Record, name: str) -> str:
    value = record.get(name)
    if value is None or not str(value).strip():
        raise _Unfit(f"the field {name} is empty")
    return str(value)


def _options(task: Task, record: Record) -> tuple[str, ...]:
    wanted = task.fields.options
    if isinstance(wanted, tuple):
        return _columns(record, wanted)
    value = record.get(wanted)
    if isinstance(value, str):
        value = _from_text(value)
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value)]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _Unfit(f"the field {wanted} holds no options")
    texts = tuple(_option_text(one) for one in value)
    lettered = [_LETTERED.match(text) for text in texts]
    return tuple(found[2] for found in lettered if found) if all(lettered) else texts


def _columns(record: Record, names: tuple[str, ...]) -> tuple[str, ...]:
    """One column for each option; one that follows them by its name, option_e, is an option too."""
    same = itertools.takewhile(
        lambda pair: pair[0] == pair[1], zip(names[0], names[-1], strict=False)
    )
    start = "".join(letter for letter, _ in same)
    others = [name for name in record if start and name.startswith(start) and name not in names]
    found = ["" if record.get(name) is None else str(record[name]).strip() for name in names]
    return (*found, *(str(record[name]) for name in others if record[name]))


def _from_text(value: str) -> object:
    """Options inside one text: JSON, or a line for each."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return [line for line in value.splitlines() if line.strip()]


def _option_text(option: object) -> str:
    """Some sets write options as {"label": "A", "text": "…"}."""
    if isinstance(option, Mapping):
        option = option.get("text", "")
    return str(option).strip()


def _right(task: Task, record: Record, options: tuple[str, ...]) -> int:
    value = record.get(task.fields.answer)
    if value is None or not str(value).strip():
        raise _Unfit("no answer")
    words = str(value).strip()
    match task.answers.form:
        case "text":
            right = options.index(words) if words in options else -1
        case "letter":
            letter = words.rstrip(").:").upper()
            letters = task.answers.letters
            if letter not in letters:
                letter = letter.translate(LOOKALIKES)
            right = letters.find(letter) if len(letter) == 1 else -1
        case form:
            digits = words.removesuffix(".0")
            right = (
                int(digits) - (form == "number") if digits.isascii() and digits.isdigit() else -1
            )
    if not 0 <= right < len(options):
        raise _Unfit(f"the answer «{words[:40]}» is none of the options")
    return right
