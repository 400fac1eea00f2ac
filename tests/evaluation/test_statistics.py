"""How sure a number is: against closed forms and against counting by hand."""

import math
import statistics

import numpy as np
import pytest

from soro_edge.evaluation.statistics import (
    bootstrap_mean,
    mean_standard_error,
    paired,
    sign_test,
)


def test_the_standard_error_is_the_samples() -> None:
    values = [0.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    wanted = statistics.stdev(values) / math.sqrt(len(values))
    assert mean_standard_error(values) == pytest.approx(wanted)
    assert mean_standard_error([1.0]) is None


def test_the_bootstraps_deviation_is_near_the_standard_error() -> None:
    values = np.random.default_rng(3).random(400).tolist()
    interval = bootstrap_mean(values)
    error = mean_standard_error(values)
    assert error is not None
    assert interval.deviation == pytest.approx(error, rel=0.1)
    mean = statistics.mean(values)
    assert interval.low < mean < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert bootstrap_mean(values) == interval


@pytest.mark.parametrize(
    ("higher", "lower", "p_value"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (1, 7, 18 / 256), (0, 2000, 0.0)],
)
def test_the_exact_sign_test(higher: int, lower: int, p_value: float) -> None:
    assert sign_test(higher, lower) == pytest.approx(p_value, abs=1e-12)
    assert sign_test(lower, higher) == sign_test(higher, lower)


def test_pairs_are_counted_item_by_item() -> None:
    found = paired([1.0, 1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0, 0.0])
    assert (found.higher, found.lower, found.same) == (3, 1, 1)
    assert found.difference == pytest.approx(0.4)
    assert found.p_value == sign_test(3, 1)
    assert found.low <= found.difference <= found.high


def test_different_items_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="same items"):
        paired([1.0], [1.0, 0.0])
