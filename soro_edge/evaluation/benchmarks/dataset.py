"""Where a task's data lies, and its items, read and checked. Knows files, no model."""

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from soro_edge.evaluation.benchmarks.answer_key import Undecided
from soro_edge.evaluation.benchmarks.items import Item, read_items
from soro_edge.evaluation.benchmarks.prompts import prompt_fields
from soro_edge.evaluation.benchmarks.records import (
    Record,
    folded,
    read_parallel_records,
    read_records,
)
from soro_edge.evaluation.benchmarks.task import Task
from soro_edge.evaluation.errors import BadData, NoData
from soro_edge.evaluation.results import BadItem


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """Everything that a task asks about."""

    items: tuple[Item, ...]
    examples: tuple[Item, ...]
    bad: tuple[BadItem, ...]
    bad_examples: tuple[BadItem, ...]
    """Of the file of examples, where that is another one."""
    left_out: int
    """Items that occur in the file `data.without`."""
    sha256: str
    """Of all files that were read."""


def our_data() -> Path:
    return Path(str(resources.files("soro_edge.evaluation"))) / "data"


def find_file(task: Task, name: str, folder: Path | None) -> Path:
    """In the folder that was named, else in ours. Raises NoData."""
    for place in (folder, our_data()):
        if place is not None and (place / name).is_file():
            return place / name
    raise NoData(task.name, name, task.source)


def read_data(task: Task, folder: Path | None) -> TaskData:
    """Raises NoData, BadData."""
    data = task.data
    names = [name for name in (data.file, data.shots_file, data.beside, data.without) if name]
    paths = {name: find_file(task, name, folder) for name in names}
    items, bad = _read_items(task, paths[data.file], paths.get(data.beside))
    known = _texts(paths[data.without]) if data.without else set()
    fresh = [item for item in items if folded(str(item.record.get(task.fields.text))) not in known]
    examples, bad_examples = fresh, list[BadItem]()
    if data.shots_file:
        examples, bad_examples = _read_items(task, paths[data.shots_file], None)
    if not fresh:
        raise BadData(paths[data.file], _why_empty(len(items), bad))
    return TaskData(
        items=tuple(fresh),
        examples=tuple(examples),
        bad=tuple(bad),
        bad_examples=tuple(bad_examples),
        left_out=len(items) - len(fresh),
        sha256=_sha256(list(paths.values())),
    )


def _read_items(task: Task, path: Path, beside: Path | None) -> tuple[list[Item], list[BadItem]]:
    if beside is None:
        records = read_records(path)
    else:
        records = _side_by_side(read_parallel_records(path), read_parallel_records(beside), beside)
    try:
        return read_items(task, _with_the_fields_of_the_task(task, records, path))
    except Undecided as undecided:
        raise BadData(path, str(undecided), undecided.advice) from undecided


def _with_the_fields_of_the_task(task: Task, records: list[Record], path: Path) -> list[Record]:
    """Records with the field names that the task uses, where they differ in capitals or spaces only.

    Raises BadData where a field that the task needs is in no record.
    """
    there = list(dict.fromkeys(name for record in records for name in record))
    needed = _needed_fields(task)
    names: dict[str, str] = {}
    for name in {*needed, task.fields.id, *task.data.only, *prompt_fields(task)}:
        alike = [one for one in there if folded(one).casefold() == folded(name).casefold()]
        if name not in there and len(alike) == 1:
            names[alike[0]] = name
    missing = [name for name in needed if name not in there and name not in names.values()]
    if records and missing:
        near = difflib.get_close_matches(missing[0], there, 1)
        meant = f" (is it «{near[0]}»?)" if near else ""
        raise BadData(
            path,
            f"it has no field {missing[0]}{meant}; its fields are {', '.join(there)[:200]}",
            "Name the fields of the data under [fields] of the task, or rename them in the file.",
        )
    return [record.renamed(names) for record in records] if names else records


def _needed_fields(task: Task) -> Sequence[str]:
    if task.kind in ("text", "translation"):
        return [task.fields.text]
    if task.kind == "answer" or task.answers.labels:
        return [task.fields.answer]
    options = task.fields.options
    return [*([options] if isinstance(options, str) else options), task.fields.answer]


def _why_empty(left_out: int, bad: list[BadItem]) -> str:
    if left_out:
        return f"all of its {left_out} items occur in texts that are left out"
    if bad:
        place = f" ({bad[0].place})" if bad[0].place else ""
        return f"none of its {len(bad)} items can be used; the first{place}: {bad[0].reason}"
    return "it has no items of this task"


def _side_by_side(first: list[Record], second: list[Record], path: Path) -> list[Record]:
    """Pairs of records, in order; what is blank on both sides is none. Raises BadData."""
    first, second = _ended(first, len(second)), _ended(second, len(first))
    if len(first) != len(second):
        raise BadData(path, f"it has {len(second)} lines, the other file {len(first)}")
    return [
        Record(
            fields={**one, "other": other.get("text")},
            place=one.place,
            fault=one.fault or other.fault,
        )
        for one, other in zip(first, second, strict=True)
        if _text(one) or _text(other)
    ]


def _ended(records: list[Record], count: int) -> list[Record]:
    """Without blank lines at the end, where there are more than `count`: they stand beside nothing."""
    while len(records) > count and not _text(records[-1]):
        records = records[:-1]
    return records


def _text(record: Record) -> str:
    text = record.get("text")
    return "" if text is None else str(text).strip()


def _texts(path: Path) -> set[str]:
    return {folded(str(record.get("text", ""))) for record in read_records(path)}


def _sha256(paths: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
