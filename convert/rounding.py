"""Rounding of a weight matrix onto a grid so that its outputs, not its weights, stay close.

The loss of rounded weights V against W is trace((W - V) H (W - V)^T), H the mean of x x^T over the
inputs x that the matrix sees. `round_matrix` rounds column after column, each compensating the errors of
those before it (GPTQ, arXiv 2210.17323, in the factored form of QuIP's LDLQ, arXiv 2307.13304, which
needs no inverse), then improves scales and codes in turn by coordinate descent. Knows no model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.grids import BLOCK, Codes, Grid, Scales
from convert.parallel import CORES, in_parallel, slices
from convert.weights import Matrix

_SOLVED_TOGETHER = 256
_CHUNK = 128
"""Columns between two matrix products; a multiple of the block."""

Hessian = NDArray[np.float32]
"""[columns, columns], symmetric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounded:
    """A matrix on a grid."""

    grid: Grid
    codes: Codes
    scales: Scales

    def weights(self) -> Matrix:
        """In float32, as llama.cpp dequantizes them."""
        return self.codes.astype(np.float32) * _spread(self.scales)

    def packed(self) -> NDArray[np.uint8]:
        return self.grid.pack(self.codes, self.scales)


def _spread(scales: Scales) -> Matrix:
    """Each weight's scale."""
    return np.asarray(np.repeat(scales, BLOCK, axis=1), dtype=np.float32)


def loss(weights: Matrix, rounded: Matrix, hessian: Hessian) -> float:
    """trace((W - V) H (W - V)^T)"""

    def of_rows(rows: slice) -> float:
        error = weights[rows] - rounded[rows]
        return float(np.einsum("ij,ij->", error @ hessian, error, dtype=np.float64))

    return sum(in_parallel(of_rows, slices(len(weights), -(-len(weights) // CORES))))


def damped(hessian: Hessian, damping: float) -> Hessian:
    """H plus `damping` times its mean diagonal: what was not seen in calibration stays in place too."""
    mean = float(np.diag(hessian).mean()) or 1.0
    result = hessian.copy()
    result[np.diag_indices_from(result)] += damping * mean
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What all matrices that see the same inputs are rounded by."""

    hessian: Hessian
    """Positive definite (see `damped`)."""
    order: NDArray[np.intp]
    """Columns, those that matter most first."""
    factor: Hessian
    """U of H = U D U^T, unit upper triangular, rows and columns in that order."""

    @classmethod
    def of(cls, hessian: Hessian) -> "Prepared":
        order = np.argsort(-np.diag(hessian), kind="stable")
        lower = np.linalg.cholesky(hessian[np.ix_(order[::-1], order[::-1])])
        upper = lower[::-1, ::-1]
        factor = np.asarray(upper / np.diag(upper), dtype=np.float32)
        return cls(hessian=hessian, order=order, factor=factor)


def round_matrix(weights: Matrix, inputs: Prepared, grid: Grid, *, sweeps: int = 2) -> Rounded:
    """`weights` [rows, columns] on `grid`."""
    importance = np.diag(inputs.hessian)

    def round_rows(rows: slice) -> tuple[Matrix, Scales]:
        part = weights[rows]
        scales = grid.scales(part, importance)
        codes = _compensate(part, inputs, grid, scales)
        for _ in range(sweeps):
            if not _descend(part, inputs.hessian, grid, scales, codes):
                break
        return codes, scales

    parts = in_parallel(round_rows, slices(len(weights), -(-len(weights) // CORES)))
    return Rounded(
        grid=grid,
        codes=np.concatenate([codes for codes, _ in parts]).astype(np.int8),
        scales=np.concatenate([scales for _, scales in parts]),
    )


def solved(matrix: Hessian, wanted: Matrix) -> Matrix:
    """X of X A = B for a symmetric positive definite A [n, n] and B [rows, n].

    By A's Cholesky factor and blocked substitution: a third of what numpy's general solver costs.
    """
    lower = np.linalg.cholesky(matrix)
    result = wanted.copy()
    parts = list(slices(len(lower), _SOLVED_TOGETHER))
    for here in parts:  # Y L^T = B, first columns first
        result[:, here] -= result[:, : here.start] @ lower[here, : here.start].T
        result[:, here] = np.linalg.solve(lower[here, here], result[:, here].T).T
    for here in reversed(parts):  # X L = Y, last columns first
        result[:, here] -= result[:, here.stop :] @ lower[here.stop :, here]
        result[:, here] = np.linalg.solve(lower[here, here].T, result[:, here].T).T
    return result


def _compensate(weights: Matrix, inputs: Prepared, grid: Grid, scales: Scales) -> Matrix:
    """Codes, column after column in the given order.

    With H = U D U^T the loss is the sum over k of D_k times the squared
    column k of (W - V) U; of those columns k only depends on V's columns up to k.
    """
    factor, order, columns = inputs.factor, inputs.order, weights.shape[1]
    errors = np.empty_like(weights)
    codes = np.empty_like(weights)
    for begin in range(0, columns, _CHUNK):
        end = min(begin + _CHUNK, columns)
        here = order[begin:end]
        targets = weights[:, here] + errors[:, :begin] @ factor[:begin, begin:end]
        inner = factor[begin:end, begin:end]
        for at, column in enumerate(here):
            scale = scales[:, column // BLOCK]
            code = grid.codes(targets[:, at], scale)
            codes[:, column] = code
            error = weights[:, column] - scale * code
            errors[:, begin + at] = error
            targets[:, at + 1 :] += error[:, None] * inner[at, at + 1 :]
    return codes


def _descend(weights: Matrix, hessian: Hessian, grid: Grid, scales: Scales, codes: Matrix) -> bool:
    """One sweep of coordinate descent over each block's scale and codes, in place. Was anything bettered?"""
    errors = weights - codes * _spread(scales)
    changed = 0
    for block in range(scales.shape[1]):
        here = slice(block * BLOCK, (block + 1) * BLOCK)
        inner = hessian[here, here]
        pull = errors @ hessian[:, here]
        code, error = codes[:, here], errors[:, here]
        scale = _better_scale(code, scales[:, block], pull, inner)
        step = (scale - scales[:, block])[:, None] * code
        error -= step
        pull -= step @ inner
        scales[:, block] = scale
        for at in range(BLOCK):
            wanted = scale * code[:, at] + pull[:, at] / inner[at, at]
            new = grid.codes(wanted, scale)
            moved = scale * (new - code[:, at])
            changed += int(np.count_nonzero(moved))
            error[:, at] -= moved
            pull -= moved[:, None] * inner[at]
            code[:, at] = new
    return changed > 0


def _better_scale(code: Matrix, scale: Matrix, pull: Matrix, inner: Hessian) -> Matrix:
    """The best scale of one block for its codes, where F16 can express a better one than the present."""
    curvature = np.einsum("ij,ij->i", code @ inner, code)
    slope = np.einsum("ij,ij->i", code, pull)
    step = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 0)
    new = (scale + step).astype(np.float16).astype(np.float32)
    taken = new - scale
    gain = taken * (2 * slope - taken * curvature)
    return np.where(gain > 0, new, scale)
