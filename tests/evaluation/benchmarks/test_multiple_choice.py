"""Numbers over items, against numbers worked out by hand."""

import math

import pytest

from soro_edge.evaluation.benchmarks import multiple_choice, perplexity
from soro_edge.evaluation.benchmarks.items import Item
from soro_edge.evaluation.benchmarks.prompts import Prompt
from soro_edge.evaluation.results import ItemScore
from soro_edge.evaluation.scorer.prefix_tree import LogLikelihood


def likelihood(total: float, tokens: int = 1) -> LogLikelihood:
    return LogLikelihood(total=total, greedy=False, tokens=tokens)


def test_length_is_that_of_the_option_without_what_stands_before_it() -> None:
    item = Item(id="1", record={}, options=("ab", "abcdef"), right=1)
    prompt = Prompt(item=item, context="", continuations=(" ab", " abcdef"))
    scored = multiple_choice.score(prompt, " ", [likelihood(-2.1), likelihood(-6.0)])
    assert (scored.values["acc"], scored.values["acc_norm"]) == (0.0, 1.0)
    assert scored.values["log_likelihood_1"] == -6.0


def test_macro_f1() -> None:
    pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (2, 0)]
    scores = [
        ItemScore(
            item=str(number),
            values={"acc": float(r == c), "acc_norm": 0.0, "right": float(r), "chosen": float(c)},
        )
        for number, (r, c) in enumerate(pairs)
    ]
    acc, acc_norm, f1 = multiple_choice.metrics(scores, labels=4)
    assert (acc.value, acc_norm.value) == (0.5, 0.0)
    # Of the four labels the last never occurs: 4/7, 1/2 and 0 remain.
    assert f1.value == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)
    assert f1.low <= f1.value <= f1.high
    assert [metric.name for metric in multiple_choice.metrics(scores, labels=0)] == [
        "acc",
        "acc_norm",
    ]


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
