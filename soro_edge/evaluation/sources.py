"""Where a task's data lies, and its items, read and checked. Knows files, no model."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from soro_edge.evaluation.errors import BadData, NoData
from soro_edge.evaluation.items import Item, read_items
from soro_edge.evaluation.records import Record, read_records
from soro_edge.evaluation.results import BadItem
from soro_edge.evaluation.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """Everything that a task asks about."""

    items: tuple[Item, ...]
    examples: tuple[Item, ...]
    bad: tuple[BadItem, ...]
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
    records = read_records(paths[data.file])
    if data.beside:
        records = _side_by_side(records, read_records(paths[data.beside]), paths[data.beside])
    items, bad = read_items(task, records)
    known = _texts(paths[data.without]) if data.without else set()
    fresh = [item for item in items if str(item.record.get(task.fields.text)).strip() not in known]
    if data.shots_file:
        examples, _ = read_items(task, read_records(paths[data.shots_file]))
    else:
        examples = fresh
    if not fresh:
        raise BadData(paths[data.file], _why_empty(len(items), bad))
    return TaskData(
        items=tuple(fresh),
        examples=tuple(examples),
        bad=tuple(bad),
        left_out=len(items) - len(fresh),
        sha256=_sha256(list(paths.values())),
    )


def _why_empty(left_out: int, bad: list[BadItem]) -> str:
    if left_out:
        return f"all of its {left_out} items occur in texts that are left out"
    if bad:
        return f"none of its {len(bad)} items can be used; the first: {bad[0].reason}"
    return "it has no items of this task"


def _side_by_side(first: list[Record], second: list[Record], path: Path) -> list[Record]:
    if len(first) != len(second):
        raise BadData(path, f"it has {len(second)} lines, the other file {len(first)}")
    return [{**one, "other": other["text"]} for one, other in zip(first, second, strict=True)]


def _texts(path: Path) -> set[str]:
    return {str(record.get("text", "")).strip() for record in read_records(path)}


def _sha256(paths: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
