"""What is said of two models after all positions were compared: means with their errors, the far end, bands.

Standard errors take positions as independent, as llama-perplexity does; neighbours in a text are not quite.
"""

import math
from dataclasses import dataclass

import numpy as np

from soro_edge.evaluation.divergence.kl_divergence import Numbers, Positions

BANDS = (0.01, 0.1, 1.0)
"""Borders in nats: below the first nobody sees a difference, above the last another word is likely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over positions."""

    value: float
    standard_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceSummary:
    """How close a model is to its reference on one text. Probabilities are among the pieces both have."""

    positions: int
    divergence: Estimate
    """Mean KL divergence, in nats."""
    divergence_median: float
    divergence_99_percent: float
    """99 of 100 positions are below."""
    divergence_maximum: float
    top1_agreement: Estimate
    """Fraction of positions where both find the same piece likeliest."""
    model_perplexity: Estimate
    reference_perplexity: Estimate
    log_perplexity_ratio: Estimate
    """ln(model's / reference's); paired, so its error is far smaller than those of the two."""
    model_outside_shared_mass: Estimate
    """Probability on pieces that only the model has."""
    reference_outside_shared_mass: Estimate
    """Probability on pieces that only the reference has."""
    bands: tuple[float, ...]
    """Fractions of positions whose divergence lies below, between and above BANDS."""


def summarize(positions: Positions) -> DivergenceSummary:
    """Raises ValueError where there are no positions."""
    if not len(positions):
        raise ValueError("no positions")
    found = np.sort(positions.divergence)
    borders = np.searchsorted(found, BANDS)
    counts = np.diff([0, *borders, len(found)])
    return DivergenceSummary(
        positions=len(positions),
        divergence=estimate(positions.divergence),
        divergence_median=float(np.quantile(found, 0.5)),
        divergence_99_percent=float(np.quantile(found, 0.99)),
        divergence_maximum=float(found[-1]),
        top1_agreement=estimate(positions.top1_agreement.astype(np.float64)),
        model_perplexity=_perplexity(positions.model_loss),
        reference_perplexity=_perplexity(positions.reference_loss),
        log_perplexity_ratio=estimate(positions.model_loss - positions.reference_loss),
        model_outside_shared_mass=estimate(positions.model_outside_shared_mass),
        reference_outside_shared_mass=estimate(positions.reference_outside_shared_mass),
        bands=tuple(float(count) / len(found) for count in counts),
    )


def estimate(values: Numbers) -> Estimate:
    """Mean and its standard error."""
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(value=float(values.mean()), standard_error=error)


def _perplexity(losses: Numbers) -> Estimate:
    loss = estimate(losses)
    value = math.exp(loss.value) if loss.value < 700 else math.inf
    return Estimate(value=value, standard_error=value * loss.standard_error)
