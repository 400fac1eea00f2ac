"""FP8 weights (e4m3fn) and the scales that bring them back to size.

compressed-tensors calls the scales `weight_scale`: one for the tensor, one a row, or one a block. The
fine-grained FP8 of transformers calls them `weight_scale_inv`, one a block of 128 x 128; in spite of its
name it is multiplied too.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.formats.plain import PLAIN
from convert.checkpoint.formats.rows import check_range, finite
from convert.checkpoint.formats.stored import StoredTensor
from convert.errors import BadTensor
from convert.weights import Matrix

PARTS = {"weight", "weight_scale", "weight_scale_inv", "weight_zero_point"}
BLOCK = (128, 128)
"""Rows and columns that share a scale where config.json names no other block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Float8Source:
    """A WeightSource; weight = code * scale of its block."""

    name: str
    codes: StoredTensor
    scales: StoredTensor
    block: tuple[int, int]
    """Rows and columns that share a scale."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    @property
    def storage(self) -> str:
        rows, columns = self.shape
        match self.block:
            case (height, width) if (height, width) == (rows, columns):
                return "FP8 E4M3, one scale"
            case (1, width) if width == columns:
                return "FP8 E4M3, one scale a row"
            case (height, width):
                return f"FP8 E4M3, one scale for {height} x {width}"

    def rows(self, begin: int, end: int) -> Matrix:
        rows, columns = self.shape
        check_range(self.name, rows, begin, end)
        height, width = self.block
        scales = np.array(self.scales.map(), np.float32).reshape(
            -(-rows // height), -(-columns // width)
        )
        scales = scales[np.arange(begin, end) // height]
        matrix: Matrix = _values()[self.codes.map()[begin:end].view(np.uint8)]
        if scales.shape[1] == 1:
            matrix *= scales
        else:
            matrix *= np.repeat(scales, width, axis=1)[:, :columns]
        return finite(self.name, begin, matrix)

    @property
    def q4_0_error(self) -> None:
        return None

    def q4_0_rows(self, begin: int, end: int) -> NDArray[np.uint8] | None:
        return None


def float8_source(
    name: str,
    shape: tuple[int, ...],
    parts: Mapping[str, StoredTensor],
    block: tuple[int, int] = BLOCK,
) -> Float8Source:
    """`block` is config.json's. Raises BadTensor where types or shapes do not fit together."""
    codes = parts["weight"].need(("F8_E4M3",), shape)
    scales = parts.get("weight_scale_inv") or parts.get("weight_scale")
    if scales is None:
        raise BadTensor(
            f"{codes.name} is stored in FP8 without a scale.",
            "A weight_scale or weight_scale_inv must lie beside it; save the checkpoint in BF16.",
        )
    zeros = parts.get("weight_zero_point")
    if zeros is not None and zeros.map().astype(np.float32).any():
        raise BadTensor(
            f"{zeros.name} holds zero points other than 0, which FP8 weights do not have.",
            "Save the checkpoint in BF16, or quantize it again.",
        )
    rows, columns = shape
    per_block = (-(-rows // block[0]), -(-columns // block[1]))
    scales.need(PLAIN, (), (1,), (1, 1), (rows, 1), (rows,), per_block)
    # A matrix inside one block has one scale: the first two cases hold it.
    if scales.shape in ((), (1,), (1, 1)):
        shared = (rows, columns)
    elif scales.shape in ((rows, 1), (rows,)):
        shared = (1, columns)
    else:
        shared = block
    return Float8Source(name=name, codes=codes, scales=scales, block=shared)


@functools.cache
def _values() -> NDArray[np.float32]:
    """The value of each of the 256 codes: a look-up is several times faster than a cast."""
    codes: NDArray[Any] = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn)
    return codes.astype(np.float32)
