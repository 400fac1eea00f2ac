"""How far a model's probabilities for the next piece are from a reference's, position by position.

Takes logits as arrays and keeps a few numbers of each position; knows no model, file or text. The divergence
is llama-perplexity's: the sum over pieces of p_reference * ln(p_reference / p_model), in nats.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soro_edge.evaluation.divergence.vocabulary_alignment import SharedPieces

Matrix = NDArray[np.float32]
Numbers = NDArray[np.float64]
Ids = NDArray[np.int64]

_ROWS = 16
"""Positions worked on at once: with 262,144 pieces one row of work takes a few megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """What is kept of positions: arrays of equal length. All but the `elsewhere` are over shared pieces."""

    divergence: Numbers
    """In nats."""
    model_loss: Numbers
    """-ln of the probability that the model gave to the piece that followed."""
    reference_loss: Numbers
    same_first_choice: NDArray[np.bool_]
    model_elsewhere: Numbers
    """Probability that the model gave to pieces that the reference does not have."""
    reference_elsewhere: Numbers
    """Probability that the reference gave to pieces that the model does not have."""

    def __len__(self) -> int:
        return len(self.divergence)


def compare(
    model: Matrix,
    reference: Matrix,
    following: Ids,
    shared: SharedPieces,
) -> Positions:
    """Compare logits [positions, pieces] of both; `following` are places among the shared pieces."""
    parts = [
        _compare_rows(model[rows], reference[rows], following[rows], shared)
        for rows in (slice(begin, begin + _ROWS) for begin in range(0, len(following), _ROWS))
    ]
    return joined(parts)


def joined(parts: Iterable[Positions]) -> Positions:
    """All positions, one after the other."""
    known = list(parts)

    def column(name: str) -> Numbers:
        return np.concatenate([np.zeros(0), *(getattr(part, name) for part in known)])

    return Positions(
        divergence=column("divergence"),
        model_loss=column("model_loss"),
        reference_loss=column("reference_loss"),
        same_first_choice=column("same_first_choice").astype(bool),
        model_elsewhere=column("model_elsewhere"),
        reference_elsewhere=column("reference_elsewhere"),
    )


def _compare_rows(
    model: Matrix, reference: Matrix, following: Ids, shared: SharedPieces
) -> Positions:
    ours, ours_elsewhere = _shared_log_probabilities(model, shared.model)
    theirs, theirs_elsewhere = _shared_log_probabilities(reference, shared.reference)
    at = np.arange(len(following)), following
    probabilities = np.exp(theirs)
    # A probability of 0 counts nothing, whatever the other gives: 0 * inf would be NaN.
    terms = np.where(probabilities > 0, probabilities * (theirs - ours), np.float32(0))
    return Positions(
        divergence=terms.sum(axis=1, dtype=np.float64),
        model_loss=-ours[at].astype(np.float64),
        reference_loss=-theirs[at].astype(np.float64),
        same_first_choice=ours.argmax(axis=1) == theirs.argmax(axis=1),
        model_elsewhere=ours_elsewhere,
        reference_elsewhere=theirs_elsewhere,
    )


def _shared_log_probabilities(logits: Matrix, columns: Ids | None) -> tuple[Matrix, Numbers]:
    """Log-probabilities among the shared pieces alone, and the probability that lay elsewhere."""
    chosen: Matrix = logits if columns is None else logits[:, columns]
    best = chosen.max(axis=1, keepdims=True)
    shifted: Matrix = chosen - best
    weight = np.exp(shifted).sum(axis=1, dtype=np.float64, keepdims=True)
    found: Matrix = (shifted - np.log(weight)).astype(np.float32)
    if columns is None:
        return found, np.zeros(len(logits))
    # Exponents are bounded: a piece elsewhere may be far likelier than every shared one.
    top = logits.max(axis=1, keepdims=True)
    whole = np.exp(logits - top).sum(axis=1, dtype=np.float64)
    kept = weight[:, 0] * np.exp((best - top)[:, 0].astype(np.float64))
    return found, np.maximum(0.0, 1.0 - kept / whole)
