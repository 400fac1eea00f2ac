"""How close rounded models are to the exact one: divergence, first choice, perplexity.

Takes hidden states after the last layer; knows no layer and no file. The divergence is llama-perplexity's:
of the exact model's probabilities to the other's, over the second halves of texts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.calibrate.gemma3_forward import Activations, rms_norm
from convert.weights import Matrix

PLAIN, WRITTEN, ALL_Q4_0 = "plain", "written", "all Q4_0"
"""Streams that are compared: every weight rounded by itself; as in the file; as plain, with no finer type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLayer:
    """What follows the last layer."""

    norm: Matrix
    norm_epsilon: float
    embedding: Callable[[], Iterable[Matrix]]
    """The output matrix's rows, part by part, as often as it is asked."""
    softcapping: float | None

    def log_probabilities(self, hidden: Activations) -> Matrix:
        """[positions, pieces]"""
        last = rms_norm(hidden, self.norm, self.norm_epsilon).reshape(-1, hidden.shape[-1])
        logits: Matrix = np.concatenate([last @ part.T for part in self.embedding()], axis=1)
        if self.softcapping:
            cap = np.float32(self.softcapping)
            logits = np.tanh(logits / cap) * cap
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCloseness:
    """How close a rounded model is to the exact one."""

    kl_divergence: float
    """Mean over positions, in nats."""
    same_first_choice: float
    """Fraction of positions."""
    perplexity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """Measured on texts that were held out."""

    tokens: int
    """Positions measured."""
    perplexity_exact: float
    q4_0: StreamCloseness | None
    """With every matrix in Q4_0, rounded by itself; None where all are of one type."""
    plain: StreamCloseness
    """In the types that are written, every matrix rounded by itself, as without calibration."""
    rounded: StreamCloseness
    """As it is written."""
    steps: dict[str, StreamCloseness]
    """The steps between these by name and in order, where that was asked for (see ablation.py)."""


def measure(
    output: OutputLayer,
    tokens: NDArray[np.int64],
    *,
    exact: Activations,
    others: Mapping[str, Activations],
) -> Closeness:
    """Compare hidden states [texts, tokens, width] of the same texts, text by text: `others` are PLAIN,
    WRITTEN, ALL_Q4_0 or steps."""
    half = tokens.shape[1] // 2

    def of_text(text: int) -> tuple[float, dict[str, NDArray[np.float64]]]:
        following = tokens[text, half + 1 :]
        reference = output.log_probabilities(exact[text, half:-1])
        sums = {
            name: compare(reference, output.log_probabilities(stream[text, half:-1]), following)
            for name, stream in others.items()
        }
        return float(reference[np.arange(len(reference)), following].sum()), sums

    # One after the other: the logits of a text are large.
    of_texts = [of_text(text) for text in range(len(tokens))]
    count = len(tokens) * (tokens.shape[1] - 1 - half)
    found = {name: _closeness(sum(sums[name] for _, sums in of_texts) / count) for name in others}
    return Closeness(
        tokens=count,
        perplexity_exact=float(np.exp(-sum(logs for logs, _ in of_texts) / count)),
        q4_0=found.pop(ALL_Q4_0, None),
        plain=found.pop(PLAIN),
        rounded=found.pop(WRITTEN),
        steps=found,
    )


def _closeness(mean: NDArray[np.float64]) -> StreamCloseness:
    return StreamCloseness(
        kl_divergence=float(mean[0]),
        same_first_choice=float(mean[1]),
        perplexity=float(np.exp(-mean[2])),
    )


def compare(exact: Matrix, other: Matrix, following: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums over positions: divergence, equal first choices, log-probability of the token that followed."""
    divergence = (np.exp(exact) * (exact - other)).sum()
    same = (exact.argmax(axis=1) == other.argmax(axis=1)).sum()
    return np.array(
        [divergence, same, other[np.arange(len(other)), following].sum()], dtype=np.float64
    )
