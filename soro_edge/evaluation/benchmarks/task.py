"""A task: a small TOML file that says how a data file becomes questions, and how answers are scored.

    name = "tajlib"
    version = 1                        # of the task: another number, other scores
    title = "TajLiB: grammar, law, literature"
    titles = { tg = "TajLiB: грамматика, ҳуқуқ, адабиёт" }   # for a page in that language
    kind = "choice"                    # or letter, text, answer, translation
    source = "https://…"
    license = "MIT"

    [data]
    file = "tajlib.jsonl"              # in our folder, or in the one that --data names

    [fields]                           # what a record of the data calls it
    options = ["option_a", "option_b", "option_c", "option_d"]
    answer = "answer"

    [prompt]                           # Jinja over the record, `options` and `letters`
    item = "{{ question.strip() }}…"

Reads and checks such files; docs/evaluation.md is the manual. Knows no data and no model.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin

from soro_edge.evaluation.errors import BadTask, NoTask

KINDS = ("choice", "letter", "text", "answer", "translation")
WRITTEN_KINDS = ("letter", "answer", "translation")
ANSWERS = ("letter", "index", "number", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Where the items come from."""

    file: str
    """Name of the file with the questions: TSV, CSV, JSON, JSON lines, or lines of text."""
    shots_file: str = ""
    """Where examples come from; the same file where it is empty."""
    beside: str = ""
    """Another file of lines, parallel to the first: its lines are the field `other`."""
    without: str = ""
    """Texts that occur in this file are left out: what a model may have been calibrated on."""
    examples: str = "first"
    """Which records are the examples: the `first` ones, as lm-evaluation-harness takes them, or `spread`
    evenly over the file, where it is sorted."""
    only: Mapping[str, str] = field(default_factory=dict)
    """Records whose fields have these values; the others are not part of the task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a record calls its parts."""

    id: str = "id"
    text: str = "text"
    """Of a task of the kind `text`."""
    options: str | tuple[str, ...] = "options"
    """One field with a list, or one field for each option."""
    answer: str = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How the right one of several options is told."""

    form: str = "letter"
    """`letter` A to D, `index` from 0, `number` from 1, or the option's `text` itself."""
    letters: str = "ABCD"
    count: int = 4
    """So many options has every item; another number makes it a bad one."""
    labels: tuple[str, ...] = ()
    """The options of every item, where they are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptForm:
    """How an item is written."""

    item: str = ""
    """Jinja: the question. Fields of the record, `options`, `letters`, `other`."""
    before: str = ""
    """Stands once before everything."""
    delimiter: str = " "
    """Between a question and its answer."""
    between: str = "\n\n"
    """Between examples."""
    choices: str = "letters"
    """What the model's answer is: `letters`, or `options`, their whole text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What is written for `letter`, `answer` and `translation`."""

    max_tokens: int = 64
    stop: tuple[str, ...] = ("\n",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One benchmark."""

    name: str
    version: int
    title: str
    kind: str
    source: str
    license: str
    titles: Mapping[str, str] = field(default_factory=dict)
    """The title in other languages: `tg`, `ru`."""
    shots: int = 0
    """Examples before the question, unless --shots says otherwise."""
    data: Data
    fields: Fields = field(default_factory=Fields)
    answers: Answers = field(default_factory=Answers)
    prompt: PromptForm = field(default_factory=PromptForm)
    generation: Generation = field(default_factory=Generation)
    path: Path = field(default=Path(), metadata={"given": False})


def our_tasks() -> list[Task]:
    """Those that come along, by name."""
    folder = Path(str(resources.files("soro_edge.evaluation"))) / "tasks"
    return [read_task(path) for path in sorted(folder.glob("*.toml"))]


def find_task(name: str) -> Task:
    """By name, or by the path of a TOML file. Raises NoTask, BadTask."""
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise NoTask(name)
        return read_task(path)
    for task in our_tasks():
        if task.name == name:
            return task
    raise NoTask(name)


def read_task(path: Path) -> Task:
    """The task in the file `path`. Raises BadTask."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadTask(path, str(error)) from error
    task: Task = _record(path, Task, document, "", {"path": path})
    if task.kind not in KINDS:
        raise BadTask(path, f"kind is one of {', '.join(KINDS)}, not «{task.kind}»")
    if task.answers.form not in ANSWERS:
        raise BadTask(
            path, f"answers.form is one of {', '.join(ANSWERS)}, not «{task.answers.form}»"
        )
    if task.data.examples not in ("first", "spread"):
        raise BadTask(path, f"data.examples is first or spread, not «{task.data.examples}»")
    if task.prompt.choices not in ("letters", "options"):
        raise BadTask(path, f"prompt.choices is letters or options, not «{task.prompt.choices}»")
    if task.kind != "text" and not task.prompt.item:
        raise BadTask(path, "the field prompt.item is missing")
    if task.answers.count > len(task.answers.letters) and task.prompt.choices == "letters":
        raise BadTask(path, "answers.letters has fewer letters than answers.count")
    return task


def _record(
    path: Path, kind: Any, table: Mapping[str, object], place: str, known: Mapping[str, object]
) -> Any:
    """A dataclass from a table; every field that is wrong is named."""
    wanted = {one.name: one for one in fields(kind) if one.metadata.get("given", True)}
    for name in table:
        if name not in wanted:
            near = difflib.get_close_matches(name, wanted, 1)
            meant = f"; did you mean {place}{near[0]}" if near else ""
            raise BadTask(path, f"there is no field {place}{name}{meant}")
    values = dict(known)
    for name, one in wanted.items():
        if name in table:
            values[name] = _value(path, one.type, table[name], place + name)
    try:
        return kind(**values)
    except TypeError:
        missing = next(name for name in wanted if name not in values and _required(wanted[name]))
        raise BadTask(path, f"the field {place}{missing} is missing") from None


def _required(one: Any) -> bool:
    from dataclasses import MISSING

    return one.default is MISSING and one.default_factory is MISSING


def _value(path: Path, kind: Any, value: object, name: str) -> object:
    if hasattr(kind, "__dataclass_fields__"):
        if not isinstance(value, dict):
            raise BadTask(path, f"{name} is a table, not {_written(value)}")
        return _record(path, kind, value, name + ".", {})
    if kind is int and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    takes_text = kind is str or str in get_args(kind)
    if takes_text and isinstance(value, str):
        return value
    takes_list = get_origin(kind) is tuple or any(
        get_origin(one) is tuple for one in get_args(kind)
    )
    if takes_list and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if get_origin(kind) is Mapping and isinstance(value, dict):
        return {str(key): str(one) for key, one in value.items()}
    expected = "a whole number" if kind is int else "a list of texts" if takes_list else "a text"
    expected = "a table of texts" if get_origin(kind) is Mapping else expected
    raise BadTask(path, f"{name} is {expected}, not {_written(value)}")


def _written(value: object) -> str:
    return f"«{value}»"
