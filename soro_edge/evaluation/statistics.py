"""How sure a number is: standard errors, bootstrap intervals, and two models on the same items.

The standard error of a mean is lm-evaluation-harness's: the sample's deviation (n - 1) over the root
of n. Everything else that is measured is a function of sums over items (a perplexity, an F1), and its
interval comes from resampling the items with replacement. Knows numbers only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.float64]
"""[resamples, columns]"""

OfSums = Callable[[Sums], NDArray[np.float64]]
"""What is measured, from the sums of each column: [resamples]."""

RESAMPLES = 2000
_SEED = 20_240_701
_95_PERCENT = 1.959964
_PART = 100
"""Resamples at a time: counts of 1,000 items for each take a megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where 95 % of the resampled values lie, and their deviation."""

    low: float
    high: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The first of two models less the second, item by item."""

    difference: float
    """The mean of the first less the second."""
    low: float
    high: float
    """The difference's 95 % interval, by bootstrap."""
    p_value: float
    """Exact sign test, two-sided: how often chance alone would part the items that differ at least so
    unevenly. For right and wrong answers this is McNemar's exact test."""
    higher: int
    """Items on which the first model is above the second."""
    lower: int
    same: int


def mean_standard_error(values: Sequence[float]) -> float | None:
    """None where one item is all there is."""
    if len(values) < 2:
        return None
    return float(np.std(np.asarray(values, np.float64), ddof=1) / math.sqrt(len(values)))


def bootstrap(columns: NDArray[np.float64], of_sums: OfSums) -> Interval:
    """`columns`: [items, columns]. Always the same resamples for the same number of items."""
    random = np.random.default_rng(_SEED)
    items = len(columns)
    even = np.full(items, 1 / items)
    found = [
        of_sums(random.multinomial(items, even, size=_PART).astype(np.float64) @ columns)
        for _ in range(RESAMPLES // _PART)
    ]
    values = np.concatenate(found)
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(low=float(low), high=float(high), deviation=float(values.std(ddof=1)))


def bootstrap_mean(values: Sequence[float]) -> Interval:
    column = np.asarray(values, np.float64)[:, None]
    return bootstrap(column, lambda sums: sums[:, 0] / len(values))


def paired(first: Sequence[float], second: Sequence[float]) -> Paired:
    """Values of the same items in the same order."""
    if len(first) != len(second) or not first:
        raise ValueError("two models are compared on the same items")
    differences = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    interval = bootstrap_mean(differences.tolist())
    higher, lower = int((differences > 0).sum()), int((differences < 0).sum())
    return Paired(
        difference=float(differences.mean()),
        low=interval.low,
        high=interval.high,
        p_value=sign_test(higher, lower),
        higher=higher,
        lower=lower,
        same=len(differences) - higher - lower,
    )


def sign_test(higher: int, lower: int) -> float:
    """The exact two-sided p-value of so many against so many, where a coin would decide."""
    trials, fewer = higher + lower, min(higher, lower)
    if not trials:
        return 1.0
    tail = sum(math.comb(trials, count) for count in range(fewer + 1))
    return min(1.0, float(Fraction(2 * tail, 2**trials)))


def interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval for `hits` of `count`; it never leaves 0 to 1, also where all or none hit."""
    if count <= 0:
        return 0.0, 1.0
    share, square = hits / count, _95_PERCENT**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = share * (1 - share) / count + square / (4 * count * count)
    reach = _95_PERCENT * math.sqrt(spread) / (1 + square / count)
    # Where all or none hit, rounding would miss the end by a last digit.
    return (
        0.0 if hits == 0 else max(0.0, middle - reach),
        1.0 if hits == count else min(1.0, middle + reach),
    )
