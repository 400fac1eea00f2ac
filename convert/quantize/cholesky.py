"""Cholesky's factor of a large matrix, and systems solved by it, block by block.

Nearly all of the work becomes matrix products: with one BLAS thread LAPACK's own factorization, and numpy's
general solver still more, are several times slower. Knows nothing of weights.
"""

import numpy as np

from convert.parallel import slices, stop_if_asked
from convert.weights import Matrix

_TOGETHER = 256
"""Rows and columns of a block that LAPACK does."""


def cholesky(matrix: Matrix) -> Matrix:
    """Lower triangular L of L L^T = `matrix`, symmetric and positive definite. Raises LinAlgError where it
    is not."""
    lower = np.zeros_like(matrix)
    for here in slices(len(matrix), _TOGETHER):
        stop_if_asked()
        known = lower[here.start :, : here.start]
        width = here.stop - here.start
        panel = matrix[here.start :, here] - known @ known[:width].T
        corner = np.linalg.cholesky(panel[:width])
        lower[here, here] = corner
        lower[here.stop :, here] = panel[width:] @ np.linalg.inv(corner).T
    return lower


def solved(matrix: Matrix, wanted: Matrix) -> Matrix:
    """X of X A = B for a symmetric positive definite A [n, n] and B [rows, n]. Raises
    LinAlgError."""
    lower = cholesky(matrix)
    result = np.ascontiguousarray(wanted.T)
    parts = [(here, np.linalg.inv(lower[here, here])) for here in slices(len(lower), _TOGETHER)]
    for here, corner in parts:  # L Y = B^T, first rows first
        stop_if_asked()
        result[here] = corner @ (result[here] - lower[here, : here.start] @ result[: here.start])
    for here, corner in reversed(parts):  # L^T X^T = Y, last rows first
        stop_if_asked()
        later = lower[here.stop :, here].T @ result[here.stop :]
        result[here] = corner.T @ (result[here] - later)
    return np.ascontiguousarray(result.T)
