"""What a model wrote against what is right: a letter, the same words, chrF. Knows texts only."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from soro_edge.evaluation.choice import mean_metric
from soro_edge.evaluation.items import LOOKALIKES, Item
from soro_edge.evaluation.results import ItemScore, Metric
from soro_edge.evaluation.statistics import bootstrap
from soro_edge.evaluation.task import Task

# A small "a" and the Cyrillic "а", "в", "с" are words too: they count where a list's mark or nothing follows.
_NAMED = re.compile(
    r"(?<!\w)([A-Z])(?!\w)"
    r"|(?:\A|:)\s*\(?([a-zА-Яа-я])(?!\w)[ \t]*(?:[).:]|$)"
    r"|(?<!\w)([a-zА-Яа-я])\)",
    re.MULTILINE,
)
"""A letter as an answer: a Latin capital alone; another at the text's beginning or after a colon, alone or
beside `)`, `.` or `:`; or one in front of `)`."""
_NO_WORD = re.compile(r"[^\w\s]")


def score(task: Task, item: Item, text: str) -> ItemScore:
    """Raises ImportError where sacrebleu is wanted and missing."""
    if task.kind == "letter":
        letter = letter_of(text, task.answers.letters[: len(item.options)])
        right = letter == task.answers.letters[item.right]
        values = {"acc": float(right), "answered": float(bool(letter))}
    elif task.kind == "answer":
        values = {
            "exact": float(text == item.answer.strip()),
            "normalized": float(normalized(text) == normalized(item.answer)),
        }
    else:
        from sacrebleu.metrics.chrf import CHRF

        values = {"chrf": CHRF().sentence_score(text, [item.answer]).score}
    return ItemScore(item=item.id, values=values, text=text)


def metrics(
    kind: str, scores: Sequence[ItemScore], references: Mapping[str, str]
) -> tuple[Metric, ...]:
    """`references`: the right answers by item."""
    if kind == "translation":
        return (_corpus_chrf(scores, references),)
    names = ("acc", "answered") if kind == "letter" else ("exact", "normalized")
    return tuple(mean_metric(name, scores) for name in names)


def letter_of(text: str, letters: str) -> str:
    """The first of `letters` that the text names, Cyrillic lookalikes read as Latin; empty where there is
    none."""
    for found in _NAMED.finditer(text):
        letter = found[found.lastindex or 0].upper().translate(LOOKALIKES)
        if letter in letters:
            return letter
    return ""


def normalized(text: str) -> str:
    """Without capitals, punctuation and doubled spaces, in composed letters."""
    plain = _NO_WORD.sub(" ", unicodedata.normalize("NFC", text).casefold())
    return " ".join(plain.split())


def _corpus_chrf(scores: Sequence[ItemScore], references: Mapping[str, str]) -> Metric:
    """chrF2 over all sentences together, from sacrebleu's counts of each."""
    from sacrebleu.metrics.chrf import CHRF

    texts = [score.text for score in scores]
    right = [references[score.item] for score in scores]
    metric = CHRF()
    value = metric.corpus_score(texts, [right]).score
    if len(scores) < 2:
        return Metric(name="chrf", value=value, standard_error=None, low=value, high=value)
    counts = np.array(metric._extract_corpus_statistics(texts, [right]), np.float64)
    interval = bootstrap(
        counts,
        lambda sums: np.array([metric._compute_f_score(row) for row in sums.tolist()]),
    )
    return Metric(
        name="chrf",
        value=value,
        standard_error=interval.deviation,
        low=interval.low,
        high=interval.high,
    )
