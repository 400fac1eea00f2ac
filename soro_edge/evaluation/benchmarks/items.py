"""Records to items that are fit to be asked; those that are not are kept, each with its reason.

Knows tasks and records, no prompt and no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from soro_edge.evaluation.benchmarks.answer_key import AnswerKey, options_of
from soro_edge.evaluation.benchmarks.options import Unfit
from soro_edge.evaluation.benchmarks.records import Record, same_text
from soro_edge.evaluation.benchmarks.task import Task
from soro_edge.evaluation.results import BadItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question with all that is known of it."""

    id: str
    record: Mapping[str, object]
    options: tuple[str, ...] = ()
    right: int = -1
    """Number of the right option; -1 where there are no options."""
    answer: str = ""
    """The right answer in words: the option's, or what is to be generated."""


def read_items(task: Task, records: Sequence[Record]) -> tuple[list[Item], list[BadItem]]:
    """In the order of the data. What `data.only` leaves out is neither. Raises Undecided."""
    chosen = [
        (number, record)
        for number, record in enumerate(records, 1)
        if record.fault
        or all(same_text(str(record.get(key)), value) for key, value in task.data.only.items())
    ]
    answer_key = AnswerKey(task, [record for _number, record in chosen])
    items: list[Item] = []
    bad: list[BadItem] = []
    seen: set[str] = set()
    for number, record in chosen:
        given = record.get(task.fields.id)
        name = str(number if given in (None, "") else given)
        name = name if name not in seen else f"{name} (record {number})"
        seen.add(name)
        try:
            items.append(_item(task, name, record, answer_key))
        except Unfit as unfit:
            bad.append(BadItem(item=name, reason=str(unfit), place=record.place))
    return items, bad


def _item(task: Task, name: str, record: Record, answer_key: AnswerKey) -> Item:
    if record.fault:
        raise Unfit(record.fault)
    if task.kind == "text":
        return Item(id=name, record=record, answer=_words(record, task.fields.text))
    if task.kind == "translation":
        _words(record, task.fields.text)
        return Item(id=name, record=record, answer=_words(record, "other"))
    if task.kind == "answer":
        return Item(id=name, record=record, answer=_words(record, task.fields.answer))
    options = options_of(task, record)
    right = answer_key.right(record, options)
    return Item(
        id=name, record=record, options=options.texts, right=right, answer=options.texts[right]
    )


def _words(record: Record, name: str) -> str:
    value = record.get(name)
    if value is None or not str(value).strip():
        raise Unfit(f"the field {name} is empty")
    return str(value)
