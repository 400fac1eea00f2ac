"""Rounding of a weight matrix onto a grid so that its outputs, not its weights, stay close.

The loss of rounded weights V against W is trace((W - V) H (W - V)^T), H the mean of x x^T over the
inputs x that the matrix sees. `round_matrix` rounds column after column, each compensating the errors of
those before it (GPTQ, arXiv 2210.17323, in the factored form of QuIP's LDLQ, arXiv 2307.13304, which
needs no inverse), then improves scales and codes in turn by coordinate descent. Knows no model.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.errors import CalibrationFailed
from convert.parallel import CORES, in_parallel, slices, stop_if_asked
from convert.quantize.block_formats import BLOCK, Codes, Grid, Scales, inverse
from convert.quantize.cholesky import cholesky
from convert.weights import Matrix

_CHUNK = 128
"""Columns between two products with a whole matrix; a multiple of the block."""

T = TypeVar("T")
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

    return sum(in_parallel(of_rows, _parts(weights)))


def damped(hessian: Hessian, damping: float) -> Hessian:
    """H plus `damping` times its mean diagonal: what was not seen in calibration stays in place too."""
    mean = float(np.diag(hessian).mean()) or 1.0
    result = hessian.copy()
    result[np.diag_indices_from(result)] += damping * mean
    return result


def with_damping(hessian: Hessian, damping: float, use: Callable[[Hessian], T]) -> T:
    """What `use` makes of the damped Hessian; where float32 is too coarse to factor it, of one with ten and
    with a hundred times the damping. Raises CalibrationFailed."""
    # LAPACK factors what is not a number without a word.
    for times in (1, 10, 100) if np.isfinite(hessian).all() else ():
        with contextlib.suppress(np.linalg.LinAlgError):
            return use(damped(hessian, times * damping))
    raise CalibrationFailed(
        "The inputs that a matrix sees in the calibration texts cannot be factored, damped or not.",
        "Check the checkpoint, or convert with `--calibration none`.",
    )


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
        lower = cholesky(hessian[np.ix_(order[::-1], order[::-1])])
        upper = lower[::-1, ::-1]
        factor = np.asarray(upper / np.diag(upper), dtype=np.float32)
        return cls(hessian=hessian, order=order, factor=factor)


def round_matrix(weights: Matrix, inputs: Prepared, grid: Grid, *, sweeps: int = 2) -> Rounded:
    """`weights` [rows, columns] on `grid`."""
    return bettered(weights, inputs, compensated(weights, inputs, grid), sweeps=sweeps)


def nearest(weights: Matrix, inputs: Prepared, grid: Grid) -> Rounded:
    """The best scales for the inputs, and to each weight its nearest code."""
    scales = grid.scales(weights, np.diag(inputs.hessian))
    codes = grid.codes(weights, _spread(scales))
    return Rounded(grid=grid, codes=codes.astype(np.int8), scales=scales)


def compensated(weights: Matrix, inputs: Prepared, grid: Grid) -> Rounded:
    """The same scales; each column's codes make good for the errors of those before it."""
    importance = np.diag(inputs.hessian)

    def of_rows(rows: slice) -> tuple[Matrix, Matrix]:
        standing = np.ascontiguousarray(weights[rows].T)
        scales = np.ascontiguousarray(grid.scales(weights[rows], importance).T)
        return _compensate(standing, inputs, grid, scales), scales

    return _of_parts(grid, in_parallel(of_rows, _parts(weights)))


def bettered(weights: Matrix, inputs: Prepared, rounded: Rounded, *, sweeps: int = 2) -> Rounded:
    """Scales and codes bettered in turn, as long as that changes anything."""
    grid = rounded.grid

    def of_rows(rows: slice) -> tuple[Matrix, Matrix]:
        standing = np.ascontiguousarray(weights[rows].T)
        scales = np.ascontiguousarray(rounded.scales[rows].T)
        codes = np.ascontiguousarray(rounded.codes[rows].T).astype(np.float32)
        for _ in range(sweeps):
            if not _descend(standing, inputs.hessian, grid, scales, codes):
                break
        return codes, scales

    return _of_parts(grid, in_parallel(of_rows, _parts(weights)))


def _parts(weights: Matrix) -> Iterator[slice]:
    """Rows for each core."""
    return slices(len(weights), -(-len(weights) // CORES))


def _of_parts(grid: Grid, parts: Sequence[tuple[Matrix, Matrix]]) -> Rounded:
    """Of standing codes and scales, some rows after others."""
    return Rounded(
        grid=grid,
        codes=np.concatenate([codes.T.astype(np.int8) for codes, _ in parts]),
        scales=np.concatenate([scales.T for _, scales in parts]),
    )


# From here on matrices stand: [columns, rows] and [blocks, rows]. Work goes column by column, and a column
# that lies together is several times faster.


def _compensate(weights: Matrix, inputs: Prepared, grid: Grid, scales: Matrix) -> Matrix:
    """Codes, column after column in the given order.

    With H = U D U^T the loss is the sum over k of D_k times the squared
    column k of (W - V) U; of those columns k only depends on V's columns up to k.
    """
    factor, order, columns = inputs.factor, inputs.order, len(weights)
    inverses = inverse(scales)
    errors = np.empty_like(weights)
    codes = np.empty_like(weights)
    for begin in range(0, columns, _CHUNK):
        stop_if_asked()
        end = min(begin + _CHUNK, columns)
        here = order[begin:end]
        targets = weights[here] + factor[:begin, begin:end].T @ errors[:begin]
        for first in range(begin, end, BLOCK):
            block = slice(first - begin, first - begin + BLOCK)
            inner = factor[first : first + BLOCK, first : first + BLOCK]
            target = targets[block]
            for at, column in enumerate(here[block]):
                scale, error = scales[column // BLOCK], errors[first + at]
                code = grid.nearest(target[at], inverses[column // BLOCK], codes[column])
                np.subtract(weights[column], np.multiply(scale, code, out=error), out=error)
                target[at + 1 :] += inner[at, at + 1 :, None] * error
            after = slice(first + BLOCK, end)
            targets[block.stop :] += (
                factor[first : first + BLOCK, after].T @ errors[first : first + BLOCK]
            )
    return codes


def _descend(weights: Matrix, hessian: Hessian, grid: Grid, scales: Matrix, codes: Matrix) -> bool:
    """One sweep of coordinate descent over each block's scale and codes, in place. Was anything bettered?"""
    errors = weights - codes * np.repeat(scales, BLOCK, axis=0)
    changed = 0
    for chunk in slices(len(weights), _CHUNK):
        stop_if_asked()
        pulls = hessian[chunk] @ errors
        for begin in range(chunk.start, chunk.stop, BLOCK):
            here, after = slice(begin, begin + BLOCK), slice(begin + BLOCK, chunk.stop)
            before = errors[here].copy()
            changed += _descend_block(
                grid,
                scales[begin // BLOCK],
                codes[here],
                errors[here],
                pulls[begin - chunk.start :][:BLOCK],
                hessian[here, here],
            )
            pulls[after.start - chunk.start :] -= hessian[after, here] @ (before - errors[here])
    return changed > 0


def _descend_block(
    grid: Grid, scale: Matrix, codes: Matrix, errors: Matrix, pull: Matrix, inner: Hessian
) -> int:
    """Better a block's `scale` [rows], `codes` and with them `errors` [32, rows], in place; `pull`,
    H times all errors, is used up. How many codes have changed?"""
    new_scale = _better_scale(codes, scale, pull, inner)
    step = (new_scale - scale) * codes
    errors -= step
    pull -= inner @ step
    scale[:] = new_scale
    inverses = inverse(scale)
    changed = 0
    for at in range(BLOCK):
        code = codes[at]
        wanted = pull[at] / inner[at, at]
        wanted += scale * code
        new = grid.nearest(wanted, inverses, wanted)
        moved = new - code
        changed += int(np.count_nonzero(moved))
        moved *= scale
        errors[at] -= moved
        pull[at + 1 :] -= inner[at, at + 1 :, None] * moved
        code[:] = new
    return changed


def _better_scale(code: Matrix, scale: Matrix, pull: Matrix, inner: Hessian) -> Matrix:
    """The best scale of one block for its codes, where F16 can express a better one than the present."""
    curvature = np.einsum("ij,ij->j", inner @ code, code)
    slope = np.einsum("ij,ij->j", code, pull)
    step = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 0)
    new = (scale + step).astype(np.float16).astype(np.float32)
    taken = new - scale
    gain = taken * (2 * slope - taken * curvature)
    return np.where(gain > 0, new, scale)
