"""Standard errors, bootstrap intervals, and paired comparisons of two models on the same items.

The standard error of a mean is that of lm-evaluation-harness: the sample's standard deviation (n - 1) over
the root of n. Every other metric is a function of sums over items (a perplexity, an F1), and its interval
comes from resampling the items with replacement. scipy.stats has the
sign test and Wilson's interval, ten lines here, but its bootstrap does not resample sums. Knows numbers only.
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
"""A metric as a function of the sums of each column. Returns [resamples]."""

RESAMPLES = 2000
_SEED = 20_240_701
_95_PERCENT = 1.959964
_PART = 100
"""How many resamples are drawn at a time: with 1,000 items their counts take a megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The interval of 95 % of the resampled values, and their standard deviation."""

    low: float
    high: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """How far the first of two models is above the second, item by item."""

    difference: float
    """The mean over the items of the first model's value less the second's."""
    low: float
    high: float
    """The 95 % interval of the difference, by bootstrap."""
    p_value: float
    """Exact sign test, two-sided: how often chance alone would part the items that differ at least so
    unevenly. For right and wrong answers this is McNemar's exact test."""
    higher: int
    """Items on which the first model is above the second."""
    lower: int
    same: int


def mean_standard_error(values: Sequence[float]) -> float | None:
    """The standard error of a mean, or None for a single item."""
    if len(values) < 2:
        return None
    return float(np.std(np.asarray(values, np.float64), ddof=1) / math.sqrt(len(values)))


def bootstrap(columns: NDArray[np.float64], of_sums: OfSums) -> Interval:
    """Resample the items and return the interval of a metric of their sums.

    columns: [items, columns]. The resamples are always the same for the same number of items.
    """
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
    """Compare the values of two models on the same items, in the same order."""
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
    """The exact two-sided p-value of the sign test: how unlikely such counts are if a coin decides."""
    trials, fewer = higher + lower, min(higher, lower)
    if not trials:
        return 1.0
    tail = sum(math.comb(trials, count) for count in range(fewer + 1))
    return min(1.0, float(Fraction(2 * tail, 2**trials)))


def interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval for the share of `hits` in `count`. It never leaves 0 to 1."""
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
