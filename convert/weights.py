"""Where a weight matrix comes from, as the rest of the converter sees it: shape, rows in float32.

Knows no file format; sources that do are in checkpoint/formats.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
"""[rows, columns]; a vector is a matrix of one row."""


class WeightSource(Protocol):
    """One tensor of a checkpoint, read in parts, so that it never lies in memory whole."""

    @property
    def name(self) -> str:
        """As Hugging Face names it, without a multimodal prefix: `model.layers.0.mlp.up_proj.weight`."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """(outputs, inputs) of a matrix, (width,) of a norm."""
        ...

    @property
    def storage(self) -> str:
        """How it is stored, for the report: `BF16`, `GPTQ INT4, groups of 128`."""
        ...

    def rows(self, begin: int, end: int) -> Matrix:
        """Rows [begin, end) in float32, finite; a vector's only row is 0. Raises BadTensor."""
        ...

    @property
    def q4_0_error(self) -> float | None:
        """How far, relatively, the values of `q4_0_rows` are off at most: 0.0 where every row of the stored
        grid is exactly a Q4_0 grid; None where there are no such rows."""
        ...

    def q4_0_rows(self, begin: int, end: int) -> NDArray[np.uint8] | None:
        """The same rows as Q4_0 blocks with the codes as they are stored, [rows, columns / 32 * 18] bytes;
        None where `q4_0_error` is None."""
        ...
