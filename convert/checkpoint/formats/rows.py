"""What every format does with the rows that it has read: they are inside the matrix, and finite."""

import numpy as np

from convert.errors import BadTensor
from convert.weights import Matrix


def check_range(name: str, rows: int, begin: int, end: int) -> None:
    if not 0 <= begin <= end <= rows:
        raise IndexError(f"rows {begin} to {end} of {name}, which has {rows}")


def finite(name: str, begin: int, matrix: Matrix) -> Matrix:
    """The matrix itself, whose first row is row `begin` of the tensor. Raises BadTensor for NaN and Inf."""
    # One pass without a mask: the sum of squares is finite where every value is, unless it overflows.
    if np.isfinite(np.vdot(matrix, matrix)) or np.isfinite(matrix).all():
        return matrix
    row, column = (int(index) for index in np.argwhere(~np.isfinite(matrix))[0])
    what = "NaN" if np.isnan(matrix[row, column]) else "Inf"
    raise BadTensor(
        f"{name} holds {what} at row {begin + row}, column {column}.",
        "The training diverged, or the file is damaged: take an earlier checkpoint, or copy it again.",
    )
