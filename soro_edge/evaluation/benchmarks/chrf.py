"""chrF2 over many sentences with its interval: sacrebleu's n-grams, its F-score for many resamples at once.

sacrebleu gives the score of a corpus and not the counts of its sentences, which an interval by bootstrap
needs. The score itself is sacrebleu's own. Knows texts only.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from soro_edge.evaluation.results import Metric
from soro_edge.evaluation.statistics import bootstrap


def sentence_chrf(text: str, reference: str) -> float:
    """The chrF2 of one sentence, 0 to 100."""
    return float(CHRF().sentence_score(_composed(text), [_composed(reference)]).score)


def corpus_chrf(texts: Sequence[str], references: Sequence[str]) -> Metric:
    """The chrF2 of all sentences together."""
    texts, references = list(map(_composed, texts)), list(map(_composed, references))
    value = float(CHRF().corpus_score(texts, [references]).score)
    if len(texts) < 2:
        return Metric(name="chrf", value=value, standard_error=None, low=value, high=value)
    counts = np.array(
        [counts_of(*pair) for pair in zip(texts, references, strict=True)], np.float64
    )
    interval = bootstrap(counts, f_scores)
    return Metric(
        name="chrf",
        value=value,
        standard_error=interval.deviation,
        low=interval.low,
        high=interval.high,
    )


def f_scores(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """chrF2 from counts of n-grams, [resamples, orders x (written, expected, both)]: [resamples]."""
    written, expected, both = sums.reshape(len(sums), -1, 3).transpose(2, 0, 1)
    there = (written > 0) & (expected > 0)
    orders = np.maximum(1, there.sum(axis=1))
    precision = np.divide(both, written, out=np.zeros_like(both), where=there).sum(axis=1) / orders
    recall = np.divide(both, expected, out=np.zeros_like(both), where=there).sum(axis=1) / orders
    factor = CHRF.BETA**2
    below = factor * precision + recall
    above = 100 * (1 + factor) * precision * recall
    found: NDArray[np.float64] = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return found


def counts_of(text: str, reference: str) -> list[int]:
    """For each order of n-grams: how many were written, how many were expected, how many are both."""
    counts = []
    pairs = zip(
        extract_all_char_ngrams(text, CHRF.CHAR_ORDER),
        extract_all_char_ngrams(reference, CHRF.CHAR_ORDER),
        strict=True,
    )
    for written, expected in pairs:
        both = written & expected
        # As in sacrebleu, an order counts only where the reference has n-grams of it.
        counts += [written.total() if expected else 0, expected.total(), both.total()]
    return counts


def _composed(text: str) -> str:
    """Letters with accents as one character each, so that «ӣ» equals «ӣ» however it is encoded."""
    return unicodedata.normalize("NFC", text)
