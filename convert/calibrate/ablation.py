"""What each step of the rounding is worth: the same matrix with the later steps left out.

The streams that these matrices carry are calibration.py's; all of them see what the written model sees.
"""

from collections.abc import Mapping

import numpy as np

from convert.quantize.block_formats import BLOCK, BlockFormat
from convert.quantize.gptq import HessianFactor, QuantizedMatrix, gptq_round, round_to_nearest
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
    weights: Matrix, inputs: HessianFactor, block_format: BlockFormat, aimed: QuantizedMatrix
) -> Mapping[str, Matrix]:
    """[rows, columns] for each of STEPS; `aimed` is the aim with its errors compensated, no more."""
    return {
        LARGEST: _by_the_largest(weights, block_format),
        BY_INPUTS: round_to_nearest(weights, inputs, block_format).weights(),
        COMPENSATED: gptq_round(weights, inputs, block_format).weights(),
        AIMED: aimed.weights(),
    }


def _by_the_largest(weights: Matrix, block_format: BlockFormat) -> Matrix:
    blocks = weights.reshape(-1, BLOCK)
    at = np.abs(blocks).argmax(axis=1)[:, None]
    scales = np.take_along_axis(blocks, at, axis=1) / np.float32(block_format.lowest)
    scales = scales.astype(np.float16).astype(np.float32)
    rounded: Matrix = block_format.codes(blocks, scales) * scales
    return rounded.reshape(weights.shape)
