"""Perplexities, against numbers worked out by hand."""

import math

import pytest

from soro_edge.evaluation.benchmarks import perplexity
from soro_edge.evaluation.scorer.prefix_tree import LogLikelihood


def likelihood(total: float, tokens: int = 1) -> LogLikelihood:
    return LogLikelihood(total=total, greedy=False, tokens=tokens)


def test_perplexities_weigh_all_text_together() -> None:
    scores = [
        perplexity.score("1", "як ду", [likelihood(-3.0, 2), likelihood(-1.0, 1)]),
        perplexity.score("2", "се", [likelihood(-2.0, 2)]),
    ]
    found = {metric.name: metric for metric in perplexity.metrics(scores)}
    assert found["perplexity_per_token"].value == pytest.approx(math.exp(6 / 5))
    assert found["perplexity_per_character"].value == pytest.approx(math.exp(6 / 7))
    assert found["perplexity_per_byte"].value == pytest.approx(math.exp(6 / 13))
    assert found["perplexity_per_word"].value == pytest.approx(math.exp(6 / 3))
    assert found["bits_per_byte"].value == pytest.approx(6 / 13 / math.log(2))
    assert not any(metric.higher_is_better for metric in found.values())
