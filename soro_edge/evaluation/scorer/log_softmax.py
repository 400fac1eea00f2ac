"""Log-softmax: logits to log-probabilities, of single tokens or over a part of the vocabulary.

Knows arrays only.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
"""[positions, vocabulary]"""


def log_probabilities(logits: Logits, tokens: Sequence[int]) -> list[tuple[float, bool]]:
    """The log-probability of each of `tokens` at one position, and whether it is the model's first choice.

    logits: [vocabulary].
    """
    first = int(logits.argmax())
    best = logits[first]
    shifted = logits - best
    np.exp(shifted, out=shifted)
    # numpy adds in pairs: the sum of 262,144 float32 is good to seven digits.
    normal = float(best) + math.log(float(shifted.sum()))
    return [(float(logits[token]) - normal, token == first) for token in tokens]


def shared_log_softmax(
    logits: Logits, columns: NDArray[np.int64] | None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Log-probabilities among some columns alone, and the probability mass outside them, by position.

    logits: [positions, vocabulary]; `columns` None takes the whole vocabulary.
    """
    chosen: Logits = logits if columns is None else logits[:, columns]
    best = chosen.max(axis=1, keepdims=True)
    shifted: Logits = chosen - best
    mass = np.exp(shifted).sum(axis=1, dtype=np.float64, keepdims=True)
    result: Logits = (shifted - np.log(mass)).astype(np.float32)
    if columns is None:
        return result, np.zeros(len(logits))
    # The exponents are bounded: a token outside may be far likelier than every one inside.
    top = logits.max(axis=1, keepdims=True)
    whole_mass = np.exp(logits - top).sum(axis=1, dtype=np.float64)
    shared_mass = mass[:, 0] * np.exp((best - top)[:, 0].astype(np.float64))
    return result, np.maximum(0.0, 1.0 - shared_mass / whole_mass)
