"""The INT grids of GGUF: 32 weights share one scale, a weight is scale * code.

Knows how codes and scales become the bytes of a block, and which scale suits a block best; how errors
are spread over neighbours is rounding.py's. Layouts: ggml's ggml-common.h (block_q4_0, q5_0, q8_0).
"""

from dataclasses import dataclass

import gguf
import numpy as np
from numpy.typing import NDArray

from convert.weights import Matrix

BLOCK = 32
"""Weights that share a scale."""

Codes = NDArray[np.int8]
"""[rows, columns]"""
Scales = NDArray[np.float32]
"""[rows, columns / 32], every value one that F16 can hold."""

_SHRINKAGE = np.linspace(0.72, 1.06, 18, dtype=np.float32)
"""Candidates for a block's scale: so much of the one that just holds its largest weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Integers that a code may take, and the GGUF type that stores them."""

    type: gguf.GGMLQuantizationType
    lowest: int
    highest: int

    @property
    def bits_per_weight(self) -> float:
        block, size = gguf.GGML_QUANT_SIZES[self.type]
        return size * 8 / block

    def codes(self, values: Matrix, scales: Matrix) -> Matrix:
        """The nearest code of each value, as float32; a zero scale gives code 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            wanted = np.where(scales == 0, np.float32(0), values / scales)
        nearest: Matrix = np.clip(np.rint(wanted), self.lowest, self.highest)
        return nearest

    def scales(self, weights: Matrix, importance: Matrix) -> Scales:
        """The scale of each block with the least error weighted by `importance` [columns].

        Candidates shrink the scale that just holds the block's largest weight at either end of the
        grid; each is then refitted by least squares to the codes that it gives.
        """
        rows, columns = weights.shape
        blocks = weights.reshape(rows, columns // BLOCK, BLOCK)
        weight = importance.reshape(1, columns // BLOCK, BLOCK)
        at = np.abs(blocks).argmax(axis=2, keepdims=True)
        largest = np.take_along_axis(blocks, at, axis=2)
        best = np.zeros((rows, columns // BLOCK, 1), dtype=np.float32)
        least = np.full_like(best, np.inf)
        for end in (self.lowest, self.highest) if -self.lowest != self.highest else (self.highest,):
            for factor in _SHRINKAGE:
                codes = self.codes(blocks, largest * (factor / np.float32(end)))
                power = (weight * codes * codes).sum(axis=2, keepdims=True)
                fitted = (weight * codes * blocks).sum(axis=2, keepdims=True)
                scale = _as_f16(np.divide(fitted, power, out=np.zeros_like(power), where=power > 0))
                error = (weight * (blocks - scale * codes) ** 2).sum(axis=2, keepdims=True)
                better = error < least
                best, least = np.where(better, scale, best), np.where(better, error, least)
        return best[:, :, 0]

    def pack(self, codes: Codes, scales: Scales) -> NDArray[np.uint8]:
        """[rows, bytes] as GGUF stores them."""
        rows, columns = codes.shape
        blocks = codes.reshape(rows, columns // BLOCK, BLOCK)
        head = scales.astype(np.float16)[:, :, None].view(np.uint8)
        parts: list[NDArray[np.generic]] = [head]
        if self.type is gguf.GGMLQuantizationType.Q8_0:
            parts.append(blocks.view(np.uint8))
        else:
            shifted = (blocks.astype(np.int16) - self.lowest).astype(np.uint8)
            low = shifted & 15
            if self.type is gguf.GGMLQuantizationType.Q5_0:
                parts.append(np.packbits(shifted >> 4, axis=2, bitorder="little"))
            parts.append(low[:, :, :16] | low[:, :, 16:] << 4)
        return np.asarray(np.concatenate(parts, axis=2).reshape(rows, -1), dtype=np.uint8)


def _as_f16(values: Matrix) -> Matrix:
    return values.astype(np.float16).astype(np.float32)


Q4_0 = Grid(type=gguf.GGMLQuantizationType.Q4_0, lowest=-8, highest=7)
Q5_0 = Grid(type=gguf.GGMLQuantizationType.Q5_0, lowest=-16, highest=15)
Q8_0 = Grid(type=gguf.GGMLQuantizationType.Q8_0, lowest=-127, highest=127)

GRIDS = {grid.type: grid for grid in (Q4_0, Q5_0, Q8_0)}
