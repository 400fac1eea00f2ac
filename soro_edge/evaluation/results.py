"""What an evaluation found: values, and the JSON file that holds them. Knows no model and no screen."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from soro_edge.errors import EvaluationFailed
from soro_edge.paths import write_whole

FORMAT = 1
"""Of the JSON file; another number is another meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number over all items."""

    name: str
    value: float
    standard_error: float | None
    low: float
    high: float
    """The 95 % interval, by bootstrap over the items."""
    higher_is_better: bool = True
    chance: float | None = None
    """What guessing would reach; None where that cannot be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemScore:
    """What one item gave."""

    item: str
    values: Mapping[str, float]
    text: str = ""
    """What the model wrote, where it wrote something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadItem:
    """An item of the data that cannot be used."""

    item: str
    reason: str
    place: str = ""
    """The line of the data file, or the number of its record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task on one model."""

    task: str
    version: int
    title: str
    kind: str
    data_sha256: str
    """Of the data files as they were read."""
    shots: int
    metrics: tuple[Metric, ...]
    items: tuple[ItemScore, ...]
    bad: tuple[BadItem, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    """The title in other languages."""
    chat: bool = False
    """Whether it was asked in the model's chat form."""
    cut: int = 0
    """Items longer than the context: texts scored in windows, or prompts that lost their beginning."""
    left_out: int = 0
    """Items that occur in the data that a model may have been calibrated on."""
    context_tokens: int = 0
    notes: tuple[str, ...] = ()
    """What a reader must know: texts split, prompts cut, lines left out."""

    def title_in(self, language: str) -> str:
        return self.titles.get(language, self.title)

    def metric(self, name: str) -> Metric:
        return next(metric for metric in self.metrics if metric.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Which file was measured."""

    name: str
    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One model, one or more tasks."""

    model: ModelFacts
    tasks: tuple[TaskResult, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    """Program, llama.cpp, options: what a repetition needs."""

    def json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Whole or not at all. Raises StorageError."""
        write_whole(path, self.json().encode("utf-8"))


def read_results(path: Path) -> Results:
    """The file that `Results.write` wrote. Raises EvaluationFailed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
        if found.pop("format") != FORMAT:
            raise ValueError("another format")
        return _results(found)
    except OSError as error:
        reason = error.strerror or str(error)
    except RecursionError:
        reason = "it holds no results: its JSON is nested too deeply"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it holds no results of this version ({error})"
    raise EvaluationFailed(
        reason=f"The results in {path} cannot be read: {reason}.",
        advice="Make them again with `soro eval MODEL.gguf --output FILE`.",
    )


def _results(found: dict[str, Any]) -> Results:
    tasks = tuple(
        TaskResult(
            **{
                **task,
                "metrics": tuple(Metric(**metric) for metric in task["metrics"]),
                "items": tuple(ItemScore(**item) for item in task["items"]),
                "bad": tuple(BadItem(**item) for item in task["bad"]),
                "notes": tuple(task["notes"]),
            }
        )
        for task in found["tasks"]
    )
    return Results(
        model=ModelFacts(**found["model"]), tasks=tasks, settings=dict(found["settings"])
    )
