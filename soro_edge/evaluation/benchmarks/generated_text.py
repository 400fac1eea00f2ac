"""What a model wrote against what is right: a letter, the same words, chrF. Knows texts only."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from soro_edge.evaluation.benchmarks.items import Item
from soro_edge.evaluation.benchmarks.labels import read_as
from soro_edge.evaluation.benchmarks.multiple_choice import mean_metric
from soro_edge.evaluation.benchmarks.task import Task
from soro_edge.evaluation.results import ItemScore, Metric

# A small "a" and the Cyrillic "а", "в", "с" are words too: they count where a list's mark or nothing follows.
_NAMED = re.compile(
    r"(?<!\w)([A-Z])(?!\w)"
    r"|(?:\A|:)\s*\(?([a-zА-Яа-яҒғ])(?!\w)[ \t]*(?:[).:]|$)"
    r"|(?<!\w)([a-zА-Яа-яҒғ])\)",
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
            "exact": float(_composed(text) == _composed(item.answer.strip())),
            "normalized": float(normalized(text) == normalized(item.answer)),
        }
    else:
        from soro_edge.evaluation.benchmarks.chrf import sentence_chrf

        values = {"chrf": sentence_chrf(text, item.answer)}
    return ItemScore(item=item.id, values=values, text=text)


def metrics(
    task: Task, scores: Sequence[ItemScore], references: Mapping[str, str]
) -> tuple[Metric, ...]:
    """`references`: the right answers by item. Raises ImportError where sacrebleu is wanted and missing."""
    if task.kind == "translation":
        from soro_edge.evaluation.benchmarks.chrf import corpus_chrf

        texts = [score.text for score in scores]
        return (corpus_chrf(texts, [references[score.item] for score in scores]),)
    if task.kind == "letter":
        options = len(task.answers.labels) or task.answers.count
        return (mean_metric("acc", scores, chance=1 / options), mean_metric("answered", scores))
    return tuple(mean_metric(name, scores) for name in ("exact", "normalized"))


def letter_of(text: str, letters: str) -> str:
    """The first of `letters` that the text names, a look-alike read as one of them; empty where there is
    none."""
    for found in _NAMED.finditer(text):
        letter = read_as(found[found.lastindex or 0].upper(), letters)
        if letter:
            return letter
    return ""


def normalized(text: str) -> str:
    """Without capitals, punctuation and doubled spaces, in composed letters."""
    plain = _NO_WORD.sub(" ", _composed(text).casefold())
    return " ".join(plain.split())


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
