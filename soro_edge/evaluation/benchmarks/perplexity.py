"""Plain text by perplexity: per token, and per character and byte, which compare models whose pieces differ.

A text begins with the model's begin token; one longer than the context window is scored in windows, each
token once, as lm-evaluation-harness rolls over it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soro_edge.evaluation.results import ItemScore, Metric
from soro_edge.evaluation.scorer.prefix_tree import LogLikelihood
from soro_edge.evaluation.statistics import bootstrap

_UNITS = ("tokens", "characters", "bytes", "words")


def score(item: str, text: str, parts: Sequence[LogLikelihood]) -> ItemScore:
    """`parts`: the windows of one text."""
    data = text.encode("utf-8")
    total = sum(part.total for part in parts)
    values = {
        "log_likelihood": total,
        "tokens": float(sum(part.tokens for part in parts)),
        "characters": float(len(text)),
        "bytes": float(len(data)),
        "words": float(len(text.split())),
        "bits_per_byte": -total / len(data) / float(np.log(2)),
    }
    return ItemScore(item=item, values=values)


def metrics(scores: Sequence[ItemScore]) -> tuple[Metric, ...]:
    """Over all text together, long items weighing more."""
    names = ("log_likelihood", *_UNITS)
    columns = np.array([[score.values[name] for name in names] for score in scores])
    found = [_metric(f"perplexity_per_{unit[:-1]}", columns, names.index(unit)) for unit in _UNITS]
    return (*found, _metric("bits_per_byte", columns, names.index("bytes"), bits=True))


def _metric(name: str, columns: NDArray[np.float64], unit: int, *, bits: bool = False) -> Metric:
    def of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        each = -sums[:, 0] / sums[:, unit]
        found: NDArray[np.float64] = each / np.log(2) if bits else np.exp(each)
        return found

    interval = bootstrap(columns, of_sums)
    return Metric(
        name=name,
        value=float(of_sums(columns.sum(axis=0, keepdims=True))[0]),
        standard_error=interval.deviation,
        low=interval.low,
        high=interval.high,
        higher_is_better=False,
    )
