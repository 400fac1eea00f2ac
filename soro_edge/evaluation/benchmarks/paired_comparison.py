"""Two models on the same items. Refuses to compare what was not measured alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.results import TaskResult
from soro_edge.evaluation.statistics import Paired, paired

PAIRED_BY = {
    "choice": ("acc", "acc_norm"),
    "letter": ("acc",),
    "text": ("bits_per_byte",),
    "answer": ("exact", "normalized"),
    "translation": ("chrf",),
}
"""By kind of task: values of single items that two models are compared by."""
LESS_IS_BETTER = frozenset({"bits_per_byte"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparison:
    """One value of one task."""

    task: str
    value: str
    items: int
    paired: Paired


def compare(first: TaskResult, second: TaskResult) -> list[TaskComparison]:
    """The first model less the second. Raises EvaluationFailed."""
    refuse_unlike(first, second)
    theirs = {score.item: score for score in second.items}
    pairs = [(score, theirs[score.item]) for score in first.items if score.item in theirs]
    if not pairs:
        raise EvaluationFailed(
            reason=f"The two results of {first.task} have no item in common.",
            advice="Measure both with the same --limit.",
        )
    return [
        TaskComparison(
            task=first.task,
            value=value,
            items=len(pairs),
            paired=paired(
                [ours.values[value] for ours, _ in pairs],
                [others.values[value] for _, others in pairs],
            ),
        )
        for value in PAIRED_BY[first.kind]
    ]


def compare_all(first: Sequence[TaskResult], second: Sequence[TaskResult]) -> list[TaskComparison]:
    """Every task of the first that the second has too. Raises EvaluationFailed where there is none."""
    theirs = {result.task: result for result in second}
    both = [(ours, theirs[ours.task]) for ours in first if ours.task in theirs]
    if not both:
        raise EvaluationFailed(
            reason="The two results have no task in common.",
            advice="Measure both on the same tasks.",
        )
    return [one for ours, others in both for one in compare(ours, others)]


def refuse_unlike(first: TaskResult, second: TaskResult) -> None:
    """Raises EvaluationFailed where version, data or examples differ."""
    for what, ours, others in (
        ("version", first.version, second.version),
        ("data", first.data_sha256[:12], second.data_sha256[:12]),
        ("shots", first.shots, second.shots),
        ("chat form", first.chat, second.chat),
    ):
        if ours != others:
            raise EvaluationFailed(
                reason=f"Two results of {first.task} cannot be compared: {what} {ours} and {others}.",
                advice="Measure both models again with this version of the task.",
            )
