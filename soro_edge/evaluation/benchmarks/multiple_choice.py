"""Multiple choice and classification by log-likelihood: the option that the model finds likeliest.

`acc` and `acc_norm` are lm-evaluation-harness's: the second divides each option's log-likelihood by its
length in characters. `macro_f1` is for tasks whose items all have the same labels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soro_edge.evaluation.benchmarks.prompts import Prompt
from soro_edge.evaluation.results import ItemScore, Metric
from soro_edge.evaluation.scorer.prefix_tree import LogLikelihood
from soro_edge.evaluation.statistics import bootstrap, bootstrap_mean, mean_standard_error


def score(prompt: Prompt, delimiter: str, answers: Sequence[LogLikelihood]) -> ItemScore:
    """`answers`: one for each option."""
    totals = [answer.total for answer in answers]
    lengths = [float(len(text) - len(delimiter)) for text in prompt.continuations]
    by_total = int(np.argmax(totals))
    by_length = int(np.argmax(np.array(totals) / np.array(lengths)))
    right = prompt.item.right
    values = {f"log_likelihood_{number}": total for number, total in enumerate(totals)}
    values |= {
        "acc": float(by_total == right),
        "acc_norm": float(by_length == right),
        "chosen": float(by_total),
        "right": float(right),
    }
    return ItemScore(item=prompt.item.id, values=values)


def metrics(scores: Sequence[ItemScore], labels: int) -> tuple[Metric, ...]:
    """`labels`: how many options all items share; 0 where each has its own."""
    options = [_options(score) for score in scores]
    chance = sum(1 / count for count in options) / len(options) if all(options) else None
    found = [mean_metric(name, scores, chance=chance) for name in ("acc", "acc_norm")]
    return (*found, _macro_f1(scores, labels)) if labels else tuple(found)


def _options(score: ItemScore) -> int:
    """How many options the item has."""
    return sum(name.startswith("log_likelihood_") for name in score.values)


def mean_metric(name: str, scores: Sequence[ItemScore], *, chance: float | None = None) -> Metric:
    """The mean of one value over the items."""
    values = [score.values[name] for score in scores]
    interval = bootstrap_mean(values)
    return Metric(
        name=name,
        value=float(np.mean(values)),
        standard_error=mean_standard_error(values),
        low=interval.low,
        high=interval.high,
        chance=chance,
    )


def _macro_f1(scores: Sequence[ItemScore], labels: int) -> Metric:
    """The mean of each label's F1, labels that never occur left out."""
    pairs = np.zeros((len(scores), labels * labels))
    for row, one in zip(pairs, scores, strict=True):
        row[int(one.values["right"]) * labels + int(one.values["chosen"])] = 1

    def of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        table = sums.reshape(-1, labels, labels)
        right = table.diagonal(axis1=1, axis2=2)
        seen = table.sum(axis=1) + table.sum(axis=2)
        occurs = seen > 0
        each = np.divide(2 * right, seen, out=np.zeros_like(seen), where=occurs)
        mean: NDArray[np.float64] = each.sum(axis=1) / np.maximum(1, occurs.sum(axis=1))
        return mean

    interval = bootstrap(pairs, of_sums)
    value = float(of_sums(pairs.sum(axis=0, keepdims=True))[0])
    return Metric(
        name="macro_f1",
        value=value,
        standard_error=interval.deviation,
        low=interval.low,
        high=interval.high,
    )
