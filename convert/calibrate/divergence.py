"""How far quantized models diverge from the reference: KL divergence, top-1 agreement, perplexity.

Takes hidden states after the last layer; knows no layer and no file. The divergence is that of
llama-perplexity: from the reference's probabilities to the other model's, over the second half of each
sequence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.calibrate.gemma3_forward import Activations, rms_norm
from convert.weights import Matrix

PLAIN, WRITTEN, ALL_Q4_0 = "plain", "written", "all Q4_0"
"""The streams that are compared: every weight quantized by itself; as written to the file; as plain, but with
every matrix in Q4_0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLayer:
    """What follows the last layer."""

    norm: Matrix
    rms_norm_eps: float
    embedding: Callable[[], Iterable[Matrix]]
    """The output matrix's rows, part by part, as often as it is asked."""
    softcapping: float | None

    def log_probabilities(self, hidden: Activations) -> Matrix:
        """[positions, pieces]"""
        last = rms_norm(hidden, self.norm, self.rms_norm_eps).reshape(-1, hidden.shape[-1])
        logits: Matrix = np.concatenate([last @ part.T for part in self.embedding()], axis=1)
        if self.softcapping:
            cap = np.float32(self.softcapping)
            logits = np.tanh(logits / cap) * cap
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """How far one quantized model diverges from the reference."""

    kl_divergence: float
    """Mean over positions, in nats."""
    top1_agreement: float
    """Fraction of positions."""
    perplexity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceReport:
    """The divergences measured on the validation sequences."""

    tokens: int
    """Positions measured."""
    perplexity_reference: float
    q4_0: Divergence | None
    """With every matrix in Q4_0, rounded by itself; None where all are of one type."""
    plain: Divergence
    """In the types that are written, every matrix rounded by itself, as without calibration."""
    rounded: Divergence
    """As it is written."""
    steps: dict[str, Divergence]
    """The steps between these by name and in order, where that was asked for (see ablation.py)."""


def measure(
    output: OutputLayer,
    tokens: NDArray[np.int64],
    *,
    exact: Activations,
    others: Mapping[str, Activations],
) -> DivergenceReport:
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
    found = {
        name: _mean_divergence(sum(sums[name] for _, sums in of_texts) / count) for name in others
    }
    return DivergenceReport(
        tokens=count,
        perplexity_reference=float(np.exp(-sum(logs for logs, _ in of_texts) / count)),
        q4_0=found.pop(ALL_Q4_0, None),
        plain=found.pop(PLAIN),
        rounded=found.pop(WRITTEN),
        steps=found,
    )


def _mean_divergence(mean: NDArray[np.float64]) -> Divergence:
    return Divergence(
        kl_divergence=float(mean[0]),
        top1_agreement=float(mean[1]),
        perplexity=float(np.exp(-mean[2])),
    )


def compare(exact: Matrix, other: Matrix, following: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums over positions: divergence, equal first choices, log-probability of the token that followed."""
    divergence = (np.exp(exact) * (exact - other)).sum()
    same = (exact.argmax(axis=1) == other.argmax(axis=1)).sum()
    return np.array(
        [divergence, same, other[np.arange(len(other)), following].sum()], dtype=np.float64
    )
