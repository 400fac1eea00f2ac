"""Quantized matrices for tests: random codes and scales, their values, and how each format stores them.

Written from the formats' descriptions with one plain loop over words, so that a mistake in a reader does not
repeat here. `stored` is by the part of the name that follows the module: `qweight`, `weight_scale`.
"""

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """One matrix."""

    values: NDArray[np.float32]
    """[rows, columns], what a reader must give."""
    stored: dict[str, Array]


def pack_words(codes: Array) -> NDArray[np.int32]:
    """[rows, 8 n] codes of 4 bits as [rows, n] words, the first code in the lowest bits."""
    rows, columns = codes.shape
    words = np.zeros((rows, -(-columns // 8)), np.uint32)
    for row in range(rows):
        for column in range(columns):
            words[row, column // 8] |= np.uint32(int(codes[row, column]) << 4 * (column % 8))
    return words.view(np.int32)


def int4_matrix(
    random: Random, shape: tuple[int, int], group: int, *, symmetric: bool, order: bool
) -> tuple[Array, Array, Array, Array, NDArray[np.float32]]:
    """Codes, zeros, scales [rows, groups], the group of each column, and the values."""
    rows, columns = shape
    groups = columns // group
    codes = random.integers(0, 16, shape)
    zeros = np.full((rows, groups), 8) if symmetric else random.integers(0, 16, (rows, groups))
    scales = random.uniform(0.002, 0.02, (rows, groups)).astype(np.float16)
    group_of_column = np.arange(columns) // group
    if order:
        group_of_column = random.permutation(group_of_column)
    values = np.empty(shape, np.float32)
    for column in range(columns):
        of = group_of_column[column]
        values[:, column] = scales[:, of].astype(np.float32) * (codes[:, column] - zeros[:, of])
    return codes, zeros, scales, group_of_column, values


def gptq(
    random: Random,
    shape: tuple[int, int],
    group: int = 32,
    *,
    symmetric: bool = True,
    order: bool = False,
    version: int = 1,
) -> Packed:
    """AutoGPTQ's and GPTQModel's layout; version 1 stores each zero less one, with a borrow between them."""
    codes, zeros, scales, group_of_column, values = int4_matrix(
        random, shape, group, symmetric=symmetric, order=order
    )
    packed_zeros = pack_words(zeros.T)
    if version == 1:
        packed_zeros = (packed_zeros.view(np.uint32) - np.uint32(0x11111111)).view(np.int32)
    stored: dict[str, Array] = {
        "qweight": np.ascontiguousarray(pack_words(codes).T),
        "qzeros": packed_zeros,
        "scales": np.ascontiguousarray(scales.T),
        "g_idx": group_of_column.astype(np.int32),
    }
    return Packed(values=values, stored=stored)


def pack_quantized(
    random: Random,
    shape: tuple[int, int],
    group: int = 32,
    *,
    symmetric: bool = True,
    order: bool = False,
) -> Packed:
    """compressed-tensors' layout; scales in BF16, as its checkpoints mostly have them."""
    codes, zeros, scales, group_of_column, values = int4_matrix(
        random, shape, group, symmetric=symmetric, order=order
    )
    narrow = scales.astype(ml_dtypes.bfloat16)
    for column in range(shape[1]):
        of = group_of_column[column]
        values[:, column] = narrow[:, of].astype(np.float32) * (codes[:, column] - zeros[:, of])
    stored: dict[str, Array] = {
        "weight_packed": pack_words(codes),
        "weight_scale": narrow,
        "weight_shape": np.array(shape, np.int64),
    }
    if not symmetric:
        stored["weight_zero_point"] = np.ascontiguousarray(pack_words(zeros.T).T)
    if order:
        stored["weight_g_idx"] = group_of_column.astype(np.int32)
    return Packed(values=values, stored=stored)


def float8(random: Random, shape: tuple[int, int], scale: str) -> Packed:
    """`scale` is one for the `tensor`, a `row`, a `block` of 16 x 32, or a `scale_inv` of such a block."""
    rows, columns = shape
    codes = (random.normal(size=shape) * 20).astype(ml_dtypes.float8_e4m3fn)
    scale_shape = {"tensor": (1,), "row": (rows, 1)}.get(scale, (-(-rows // 16), -(-columns // 32)))
    scales = random.uniform(0.001, 0.002, scale_shape).astype(np.float32)
    values = np.empty(shape, np.float32)
    for row in range(rows):
        for column in range(columns):
            if scale == "tensor":
                factor = scales[0]
            elif scale == "row":
                factor = scales[row, 0]
            else:
                factor = scales[row // 16, column // 32]
            values[row, column] = np.float32(codes[row, column]) * factor
    part = "weight_scale_inv" if scale == "scale_inv" else "weight_scale"
    return Packed(values=values, stored={"weight": codes, part: scales})
