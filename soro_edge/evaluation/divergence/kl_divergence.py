"""The KL divergence of a model's next-token probabilities from a reference's, position by position.

Takes logits as arrays and returns a few numbers for each position. The divergence is that of
llama-perplexity: the sum over tokens of p_reference * ln(p_reference / p_model), in nats. Knows no model,
file or text.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soro_edge.evaluation.divergence.vocabulary_alignment import SharedPieces
from soro_edge.evaluation.scorer.log_softmax import shared_log_softmax

Matrix = NDArray[np.float32]
Numbers = NDArray[np.float64]
Ids = NDArray[np.int64]

_ROWS = 16
"""Positions worked on at once: with 262,144 pieces one row of work takes a few megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """What was computed at each position, as arrays of equal length.

    Probabilities are among the pieces that both vocabularies have, but for the mass outside them.
    """

    divergence: Numbers
    """In nats."""
    model_loss: Numbers
    """-ln of the probability that the model gave to the piece that followed."""
    reference_loss: Numbers
    top1_agreement: NDArray[np.bool_]
    model_outside_shared_mass: Numbers
    """Probability that the model gave to pieces that the reference does not have."""
    reference_outside_shared_mass: Numbers
    """Probability that the reference gave to pieces that the model does not have."""

    def __len__(self) -> int:
        return len(self.divergence)


def compare(
    model: Matrix,
    reference: Matrix,
    following: Ids,
    shared: SharedPieces,
) -> Positions:
    """Compare the logits of two models, [positions, vocabulary].

    `following` holds the tokens that follow in the text, as places among the shared pieces.
    """
    parts = [
        _compare_rows(model[rows], reference[rows], following[rows], shared)
        for rows in (slice(begin, begin + _ROWS) for begin in range(0, len(following), _ROWS))
    ]
    return joined(parts)


def joined(parts: Iterable[Positions]) -> Positions:
    """Concatenate positions."""
    parts = list(parts)

    def column(name: str) -> Numbers:
        return np.concatenate([np.zeros(0), *(getattr(part, name) for part in parts)])

    return Positions(
        divergence=column("divergence"),
        model_loss=column("model_loss"),
        reference_loss=column("reference_loss"),
        top1_agreement=column("top1_agreement").astype(bool),
        model_outside_shared_mass=column("model_outside_shared_mass"),
        reference_outside_shared_mass=column("reference_outside_shared_mass"),
    )


def _compare_rows(
    model: Matrix, reference: Matrix, following: Ids, shared: SharedPieces
) -> Positions:
    ours, our_mass_outside = shared_log_softmax(model, shared.model)
    theirs, their_mass_outside = shared_log_softmax(reference, shared.reference)
    at = np.arange(len(following)), following
    probabilities = np.exp(theirs)
    # A probability of 0 counts nothing, whatever the other gives: 0 * inf would be NaN.
    terms = np.where(probabilities > 0, probabilities * (theirs - ours), np.float32(0))
    return Positions(
        divergence=terms.sum(axis=1, dtype=np.float64),
        model_loss=-ours[at].astype(np.float64),
        reference_loss=-theirs[at].astype(np.float64),
        top1_agreement=ours.argmax(axis=1) == theirs.argmax(axis=1),
        model_outside_shared_mass=our_mass_outside,
        reference_outside_shared_mass=their_mass_outside,
    )
