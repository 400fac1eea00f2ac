"""Items as prompts: Jinja from the task, examples before the question. Knows no tokens.

Written as lm-evaluation-harness writes them: the first items of the examples' file are the examples, in
their order; an item is never an example for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from soro_edge.evaluation.benchmarks.items import Item
from soro_edge.evaluation.benchmarks.task import Task
from soro_edge.evaluation.errors import BadTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model is asked for one item."""

    item: Item
    context: str
    """Examples and question."""
    continuations: tuple[str, ...]
    """The possible answers with what stands before them; empty where the model writes."""


def prompt_fields(task: Task) -> set[str]:
    """The fields of a record that the task's prompt names; none where it is no Jinja."""
    try:
        names = meta.find_undeclared_variables(_environment().parse(task.prompt.item))
    except TemplateError:
        return set()
    return names - {"options", "letters", "other"}


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


class Prompts:
    """Of one task with its examples."""

    def __init__(self, task: Task, examples: Sequence[Item], shots: int) -> None:
        """`examples`: at least one more than `shots`, where items may be among them. Raises BadTask."""
        self._task = task
        self._examples = examples
        self._shots = shots
        try:
            self._question: Template = _environment().from_string(task.prompt.item)
        except TemplateError as error:
            raise BadTask(task.path, f"prompt.item is no Jinja ({error})") from error

    def of(self, item: Item) -> Prompt:
        """Raises BadTask where the prompt names a field that the record does not have."""
        form = self._task.prompt
        others = [one for one in self._examples if one.record != item.record][: self._shots]
        shown = "".join(
            self._written(one) + form.delimiter + self._target(one) + form.between for one in others
        )
        choices = self._choices(item)
        return Prompt(
            item=item,
            context=form.before + shown + self._written(item),
            continuations=tuple(form.delimiter + choice for choice in choices),
        )

    def _choices(self, item: Item) -> tuple[str, ...]:
        """Nothing where the model writes its answer itself."""
        if self._task.kind != "choice":
            return ()
        return self._names(item)

    def _names(self, item: Item) -> tuple[str, ...]:
        """What the options are called in an answer."""
        if self._task.prompt.choices == "letters":
            return tuple(self._task.answers.letters[: len(item.options)])
        return item.options

    def _target(self, item: Item) -> str:
        return self._names(item)[item.right] if item.options else item.answer

    def _written(self, item: Item) -> str:
        fields: Mapping[str, object] = {
            **item.record,
            "options": item.options,
            "letters": self._task.answers.letters,
        }
        try:
            return self._question.render(fields)
        except UndefinedError as error:
            raise BadTask(
                self._task.path, f"prompt.item does not fit the data ({error})"
            ) from error
