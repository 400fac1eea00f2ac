"""One position's logits to probabilities. Knows numbers only."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]
"""[positions, vocabulary]"""


def chosen(logits: Logits, tokens: Sequence[int]) -> list[tuple[float, bool]]:
    """Of one position, for each of `tokens`: logarithm of its probability, and whether it is the first
    choice. logits: [vocabulary]."""
    first = int(logits.argmax())
    best = logits[first]
    shifted = logits - best
    np.exp(shifted, out=shifted)
    # numpy adds in pairs: the sum of 262,144 float32 is good to seven digits.
    normal = float(best) + math.log(float(shifted.sum()))
    return [(float(logits[token]) - normal, token == first) for token in tokens]
