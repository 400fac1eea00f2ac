"""What each step of the rounding is worth: the same matrix with the later steps left out.

The streams that these matrices carry are calibration.py's; all of them see what the written model sees.
"""

from collections.abc import Mapping

import numpy as np

from convert.quantize.block_formats import BLOCK, Grid
from convert.quantize.gptq import Prepared, Rounded, compensated, nearest
from convert.weights import Matrix

LARGEST = "largest weight as scale"
"""As llama.cpp rounds to Q4_0 where it knows nothing of the inputs."""
BY_INPUTS = "scales for the inputs"
COMPENSATED = "errors compensated"
AIMED = "outputs as aim"
STEPS = (LARGEST, BY_INPUTS, COMPENSATED, AIMED)
"""In the order of the work. After the first come scales weighted by size, the report's `plain`; after the
last one scales and codes are bettered in turn: the written model."""


def weights_of_steps(
    weights: Matrix, inputs: Prepared, grid: Grid, aimed: Rounded
) -> Mapping[str, Matrix]:
    """[rows, columns] for each of STEPS; `aimed` is the aim with its errors compensated, no more."""
    return {
        LARGEST: _by_the_largest(weights, grid),
        BY_INPUTS: nearest(weights, inputs, grid).weights(),
        COMPENSATED: compensated(weights, inputs, grid).weights(),
        AIMED: aimed.weights(),
    }


def _by_the_largest(weights: Matrix, grid: Grid) -> Matrix:
    blocks = weights.reshape(-1, BLOCK)
    at = np.abs(blocks).argmax(axis=1)[:, None]
    scales = np.take_along_axis(blocks, at, axis=1) / np.float32(grid.lowest)
    scales = scales.astype(np.float16).astype(np.float32)
    rounded: Matrix = grid.codes(blocks, scales) * scales
    return rounded.reshape(weights.shape)
