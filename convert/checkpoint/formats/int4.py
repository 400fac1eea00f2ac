"""INT4 weights in groups: weight = scale * (code - zero), and where that grid is exactly Q4_0's.

A Q4_0 block is 32 weights d * (code - 8) with d in F16. So a matrix is repacked without a second rounding
where every zero is 8, a group is a row of whole blocks, and F16 can hold every scale. Scales in BF16 or F32
that it can hold nearly are rounded, the codes stay. Knows nothing of how the codes are packed in a
checkpoint: gptq.py and pack_quantized.py do.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.formats.rows import check_range, finite
from convert.checkpoint.formats.stored import StoredTensor
from convert.errors import BadTensor
from convert.weights import Matrix

Q4_0_WEIGHTS = 32
Q4_0_ZERO = 8
Q4_0_BYTES = 18
_ROWS_AT_ONCE = 4096
_FLOAT16_ERROR = 2.0**-11
"""Of a number rounded to F16, where it is neither too large nor too small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The grid of some rows."""

    zeros: NDArray[np.int16]
    """[rows, groups], as the codes count: 8 is symmetric."""
    scales: Matrix
    """[rows, groups]"""


class Int4Layout(Protocol):
    """One packed matrix."""

    @property
    def storage(self) -> str:
        """The format's name, for the report."""
        ...

    def codes(self, begin: int, end: int) -> NDArray[np.uint8]:
        """[rows, columns], 0 to 15."""
        ...

    def grid(self, begin: int, end: int) -> Grid: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Int4Source:
    """A WeightSource over any layout."""

    name: str
    shape: tuple[int, int]
    group: int
    """Weights of a row that share a scale."""
    layout: Int4Layout
    group_of_column: NDArray[np.int32] | None
    """[columns], only with act-order; else columns are grouped as they come."""
    q4_0_error: float | None
    """Of the rows as Q4_0 blocks: of its scales alone; None where the grid is not Q4_0's."""
    why_rounded_anew: str | None
    """Why the grid is not Q4_0's; None where it is, and the rows can be had as blocks."""

    @property
    def storage(self) -> str:
        order = ", act-order" if self.group_of_column is not None else ""
        return f"{self.layout.storage} INT4, groups of {self.group}{order}"

    def rows(self, begin: int, end: int) -> Matrix:
        check_range(self.name, self.shape[0], begin, end)
        grid = self.layout.grid(begin, end)
        matrix = self.layout.codes(begin, end).astype(np.float32)
        zeros, scales = grid.zeros.astype(np.float32), grid.scales
        if self.group_of_column is not None:
            matrix -= zeros[:, self.group_of_column]
            matrix *= scales[:, self.group_of_column]
        else:
            grouped = matrix.reshape(end - begin, self.shape[1] // self.group, self.group)
            grouped -= zeros[:, :, None]
            grouped *= scales[:, :, None]
        return finite(self.name, begin, matrix)

    def q4_0_rows(self, begin: int, end: int) -> NDArray[np.uint8] | None:
        if self.q4_0_error is None:
            return None
        rows, blocks = end - begin, self.shape[1] // Q4_0_WEIGHTS
        check_range(self.name, self.shape[0], begin, end)
        scales = self.layout.grid(begin, end).scales.astype("<f2")
        scales = np.repeat(scales, self.group // Q4_0_WEIGHTS, axis=1)
        codes = self.layout.codes(begin, end).reshape(rows, blocks, 2, 16)
        out = np.empty((rows, blocks, Q4_0_BYTES), np.uint8)
        out[..., :2] = scales.view(np.uint8).reshape(rows, blocks, 2)
        out[..., 2:] = codes[:, :, 0] | codes[:, :, 1] << 4
        return out.reshape(rows, blocks * Q4_0_BYTES)


def int4_source(
    name: str,
    shape: tuple[int, int],
    layout: Int4Layout,
    groups: int,
    group_index: StoredTensor | None,
) -> Int4Source:
    """Reads every zero and scale once, to know whether the grid is Q4_0's. Raises BadTensor."""
    group = shape[1] // max(groups, 1)
    if group * groups != shape[1]:
        raise BadTensor(
            f"{name} has {shape[1]} columns and {groups} groups, which cannot be equally long.",
            "Quantize with a group size that divides the widths of the model.",
        )
    order = _act_order(group_index, shape[1], groups) if group_index is not None else None
    reason, error = ("act-order", 0.0) if order is not None else _not_q4_0(layout, shape[0], group)
    return Int4Source(
        name=name,
        shape=shape,
        group=group,
        layout=layout,
        group_of_column=order,
        q4_0_error=error if reason is None else None,
        why_rounded_anew=reason,
    )


def nibbles(packed: NDArray[np.int32]) -> NDArray[np.uint8]:
    """[rows, n] words of 8 codes each, the lowest bits first, as [rows, 8 n] codes."""
    pairs = np.ascontiguousarray(packed, "<i4").view(np.uint8)
    codes = np.empty((len(pairs), pairs.shape[1] * 2), np.uint8)
    np.bitwise_and(pairs, 15, out=codes[:, 0::2])
    np.right_shift(pairs, 4, out=codes[:, 1::2])
    return codes


def _act_order(index: StoredTensor, columns: int, groups: int) -> NDArray[np.int32] | None:
    """The group of each column, or None where they are grouped as they come."""
    if index.shape == (0,):
        return None
    group_of_column = np.array(index.need(("I32", "I64"), (columns,)).map(), np.int32)
    if (group_of_column == -1).all():  # what compressed-tensors writes where there is no order
        return None
    if group_of_column.min() < 0 or group_of_column.max() >= groups:
        raise BadTensor(
            f"{index.name} names a group outside 0 to {groups - 1}.",
            "The file is damaged, or its group size is not the one that it was quantized with.",
        )
    in_order = np.arange(columns) // (columns // groups)
    return None if np.array_equal(group_of_column, in_order) else group_of_column


def _not_q4_0(layout: Int4Layout, rows: int, group: int) -> tuple[str | None, float]:
    """Why the grid is not Q4_0's, and else the largest relative error of a scale in F16."""
    if group % Q4_0_WEIGHTS:
        return f"groups of {group}", 0.0
    error = 0.0
    for begin in range(0, rows, _ROWS_AT_ONCE):
        grid = layout.grid(begin, min(begin + _ROWS_AT_ONCE, rows))
        if not (grid.zeros == Q4_0_ZERO).all():
            return "asymmetric", 0.0
        error = max(error, _float16_error(grid.scales))
        if not error <= _FLOAT16_ERROR:
            return "scales that F16 cannot hold", 0.0
    return None, error


def _float16_error(scales: Matrix) -> float:
    """Relative, of the worst scale; infinite where one is no number or too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(scales.astype(np.float16).astype(np.float32) - scales)
    if not np.isfinite(off).all():
        return float("inf")
    return float(np.divide(off, np.abs(scales), out=off, where=off > 0).max(initial=0))
