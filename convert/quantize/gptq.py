"""GPTQ: quantize a weight matrix so that its outputs, not its weights, stay close.

The loss of quantized weights V against W is trace((W - V) H (W - V)^T), where H is the mean of x x^T over the
inputs x of the matrix. `gptq_round` quantizes column after column, and each column compensates the errors of
those before it (GPTQ, arXiv 2210.17323, in the factored form of QuIP's LDLQ, arXiv 2307.13304, which needs no
inverse). `coordinate_descent` then refines scales and codes alternately. Knows no model.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.errors import CalibrationFailed
from convert.parallel import CORES, in_parallel, slices, stop_if_asked
from convert.quantize.block_formats import BLOCK, BlockFormat, QuantizedValues, Scales, inverse
from convert.quantize.cholesky import cholesky
from convert.weights import Matrix

_CHUNK = 128
"""Columns between two products with a whole matrix; a multiple of the block."""

T = TypeVar("T")
Hessian = NDArray[np.float32]
"""[columns, columns], symmetric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedMatrix:
    """A matrix in blocks: its integer codes, and the scale of each block."""

    block_format: BlockFormat
    codes: QuantizedValues
    scales: Scales

    def weights(self) -> Matrix:
        """Return the weights in float32, as llama.cpp dequantizes them."""
        return self.codes.astype(np.float32) * _spread(self.scales)

    def packed(self) -> NDArray[np.uint8]:
        """Return the bytes that a GGUF file stores, [rows, bytes]."""
        return self.block_format.pack(self.codes, self.scales)


def _spread(scales: Scales) -> Matrix:
    """Each weight's scale."""
    return np.asarray(np.repeat(scales, BLOCK, axis=1), dtype=np.float32)


def loss(weights: Matrix, rounded: Matrix, hessian: Hessian) -> float:
    """Return trace((W - V) H (W - V)^T): the mean squared error of the outputs, summed over the rows."""

    def of_rows(rows: slice) -> float:
        error = weights[rows] - rounded[rows]
        return float(np.einsum("ij,ij->", error @ hessian, error, dtype=np.float64))

    return sum(in_parallel(of_rows, _parts(weights)))


def damped(hessian: Hessian, damping: float) -> Hessian:
    """Return H plus `damping` times its mean diagonal, so that directions that the calibration data does not
    contain are kept in place too."""
    mean = float(np.diag(hessian).mean()) or 1.0
    result = hessian.copy()
    result[np.diag_indices_from(result)] += damping * mean
    return result


def with_damping(hessian: Hessian, damping: float, use: Callable[[Hessian], T]) -> T:
    """Return what `use` makes of the damped Hessian.

    Where float32 is too coarse to factor it, the damping is raised tenfold, and once more. Raises
    CalibrationFailed.
    """
    # LAPACK factors what is not a number without a word.
    for times in (1, 10, 100) if np.isfinite(hessian).all() else ():
        with contextlib.suppress(np.linalg.LinAlgError):
            return use(damped(hessian, times * damping))
    raise CalibrationFailed(
        "The inputs that a matrix sees in the calibration texts cannot be factored, damped or not.",
        "Check the checkpoint, or convert with `--calibration none`.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HessianFactor:
    """A factored Hessian, shared by all matrices that have the same inputs."""

    hessian: Hessian
    """Positive definite (see `damped`)."""
    order: NDArray[np.intp]
    """The columns, those with the largest inputs first."""
    factor: Hessian
    """U of H = U D U^T, unit upper triangular, rows and columns in that order."""

    @classmethod
    def of(cls, hessian: Hessian) -> "HessianFactor":
        order = np.argsort(-np.diag(hessian), kind="stable")
        lower = cholesky(hessian[np.ix_(order[::-1], order[::-1])])
        upper = lower[::-1, ::-1]
        factor = np.asarray(upper / np.diag(upper), dtype=np.float32)
        return cls(hessian=hessian, order=order, factor=factor)


def round_matrix(
    weights: Matrix, inputs: HessianFactor, block_format: BlockFormat, *, sweeps: int = 2
) -> QuantizedMatrix:
    """Quantize `weights` [rows, columns]: GPTQ, then `sweeps` of coordinate descent."""
    return coordinate_descent(
        weights, inputs, gptq_round(weights, inputs, block_format), sweeps=sweeps
    )


def round_to_nearest(
    weights: Matrix, inputs: HessianFactor, block_format: BlockFormat
) -> QuantizedMatrix:
    """Quantize each weight to its nearest code, with the scales that suit the inputs best."""
    scales = block_format.scales(weights, np.diag(inputs.hessian))
    codes = block_format.codes(weights, _spread(scales))
    return QuantizedMatrix(block_format=block_format, codes=codes.astype(np.int8), scales=scales)


def gptq_round(
    weights: Matrix, inputs: HessianFactor, block_format: BlockFormat
) -> QuantizedMatrix:
    """Quantize with the same scales, column by column: each column compensates the errors of those before."""
    importance = np.diag(inputs.hessian)

    def of_rows(rows: slice) -> tuple[Matrix, Matrix]:
        column_major = np.ascontiguousarray(weights[rows].T)
        scales = np.ascontiguousarray(block_format.scales(weights[rows], importance).T)
        return _gptq_columns(column_major, inputs, block_format, scales), scales

    return _of_parts(block_format, in_parallel(of_rows, _parts(weights)))


def coordinate_descent(
    weights: Matrix, inputs: HessianFactor, rounded: QuantizedMatrix, *, sweeps: int = 2
) -> QuantizedMatrix:
    """Refine scales and codes alternately, for at most `sweeps` rounds and while any code changes."""
    block_format = rounded.block_format

    def of_rows(rows: slice) -> tuple[Matrix, Matrix]:
        column_major = np.ascontiguousarray(weights[rows].T)
        scales = np.ascontiguousarray(rounded.scales[rows].T)
        codes = np.ascontiguousarray(rounded.codes[rows].T).astype(np.float32)
        for _ in range(sweeps):
            if not _descend(column_major, inputs.hessian, block_format, scales, codes):
                break
        return codes, scales

    return _of_parts(block_format, in_parallel(of_rows, _parts(weights)))


def _parts(weights: Matrix) -> Iterator[slice]:
    """Rows for each core."""
    return slices(len(weights), -(-len(weights) // CORES))


def _of_parts(block_format: BlockFormat, parts: Sequence[tuple[Matrix, Matrix]]) -> QuantizedMatrix:
    """Join the parts' codes and scales, which are column-major, row after row."""
    return QuantizedMatrix(
        block_format=block_format,
        codes=np.concatenate([codes.T.astype(np.int8) for codes, _ in parts]),
        scales=np.concatenate([scales.T for _, scales in parts]),
    )


# From here on matrices are column-major: [columns, rows] and [blocks, rows]. The work goes column by column,
# and a contiguous column is several times faster.


def _gptq_columns(
    weights: Matrix, inputs: HessianFactor, block_format: BlockFormat, scales: Matrix
) -> Matrix:
    """Return the codes, found column after column in the factor's order.

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
                code = block_format.nearest(target[at], inverses[column // BLOCK], codes[column])
                np.subtract(weights[column], np.multiply(scale, code, out=error), out=error)
                target[at + 1 :] += inner[at, at + 1 :, None] * error
            after = slice(first + BLOCK, end)
            targets[block.stop :] += (
                factor[first : first + BLOCK, after].T @ errors[first : first + BLOCK]
            )
    return codes


def _descend(
    weights: Matrix, hessian: Hessian, block_format: BlockFormat, scales: Matrix, codes: Matrix
) -> bool:
    """Run one sweep of coordinate descent over each block's scale and codes, in place; tell whether any code
    changed."""
    errors = weights - codes * np.repeat(scales, BLOCK, axis=0)
    changed = 0
    for chunk in slices(len(weights), _CHUNK):
        stop_if_asked()
        gradients = hessian[chunk] @ errors
        for begin in range(chunk.start, chunk.stop, BLOCK):
            here, after = slice(begin, begin + BLOCK), slice(begin + BLOCK, chunk.stop)
            before = errors[here].copy()
            changed += _descend_block(
                block_format,
                scales[begin // BLOCK],
                codes[here],
                errors[here],
                gradients[begin - chunk.start :][:BLOCK],
                hessian[here, here],
            )
            gradients[after.start - chunk.start :] -= hessian[after, here] @ (before - errors[here])
    return changed > 0


def _descend_block(
    block_format: BlockFormat,
    scale: Matrix,
    codes: Matrix,
    errors: Matrix,
    gradient: Matrix,
    inner: Hessian,
) -> int:
    """Refine a block's `scale` [rows], `codes` and with them `errors` [32, rows], in place.

    Returns how many codes changed; `gradient`, H times all errors, is overwritten.
    """
    new_scale = _refined_scale(codes, scale, gradient, inner)
    step = (new_scale - scale) * codes
    errors -= step
    gradient -= inner @ step
    scale[:] = new_scale
    inverses = inverse(scale)
    changed = 0
    for at in range(BLOCK):
        code = codes[at]
        unrounded = gradient[at] / inner[at, at]
        unrounded += scale * code
        new = block_format.nearest(unrounded, inverses, unrounded)
        moved = new - code
        changed += int(np.count_nonzero(moved))
        moved *= scale
        errors[at] -= moved
        gradient[at + 1 :] -= inner[at, at + 1 :, None] * moved
        code[:] = new
    return changed


def _refined_scale(code: Matrix, scale: Matrix, gradient: Matrix, inner: Hessian) -> Matrix:
    """Return the best scale of one block for its codes, if F16 can express one that is better than now."""
    curvature = np.einsum("ij,ij->j", inner @ code, code)
    slope = np.einsum("ij,ij->j", code, gradient)
    step = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 0)
    new = (scale + step).astype(np.float16).astype(np.float32)
    applied = new - scale
    gain = applied * (2 * slope - applied * curvature)
    return np.where(gain > 0, new, scale)
