"""Positions that were compared before, on disk, so that a long comparison goes on after a power cut.

A chunk counts when all of its positions are there. Knows no model.
"""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from soro_edge.evaluation.divergence.kl_divergence import Positions
from soro_edge.evaluation.divergence.vocabulary_alignment import Chunk
from soro_edge.evaluation.journal import Journal
from soro_edge.evaluation.results import ItemScore

METHOD = 1
"""How positions are compared. Another number, and what was kept is compared again."""

_FIELDS = {
    "divergence": "divergence",
    "model_loss": "model_loss",
    "reference_loss": "reference_loss",
    "same_first_choice": "top1_agreement",
    "model_elsewhere": "model_outside_shared_mass",
    "reference_elsewhere": "reference_outside_shared_mass",
}
"""The fields of Positions by the names that they have on disk."""


class DivergenceCache:
    """Of two files on one text, told by what the comparison depends on."""

    def __init__(self, folder: Path, *facts: str | int, fresh: bool = False) -> None:
        told = json.dumps([METHOD, *facts, version("llama-cpp-python")])
        key = hashlib.sha256(told.encode()).hexdigest()[:24]
        self._journal = Journal(folder / f"against-{key}.jsonl")
        if fresh:
            self._journal.forget()
        self._known = self._journal.read()

    def of(self, number: int, chunk: Chunk) -> Positions | None:
        """What was found in the chunk of that number."""
        names = [f"{number}/{place}" for place in range(len(chunk.following))]
        scores = [self._known[name] for name in names if name in self._known]
        if len(scores) < len(names) or any(set(score.values) != set(_FIELDS) for score in scores):
            return None
        return _positions(scores)

    def keep(self, number: int, found: Positions) -> None:
        """It is on the disk when this returns. Raises StorageError."""
        columns = {name: getattr(found, field).tolist() for name, field in _FIELDS.items()}
        self._journal.add(
            ItemScore(
                item=f"{number}/{place}",
                values={name: float(values[place]) for name, values in columns.items()},
            )
            for place in range(len(found))
        )


def _positions(scores: Sequence[ItemScore]) -> Positions:
    columns = {
        field: np.array([score.values[name] for score in scores]) for name, field in _FIELDS.items()
    }
    agreement = columns.pop("top1_agreement").astype(bool)
    return Positions(top1_agreement=agreement, **columns)
