"""The INT grids of GGUF: 32 weights share one scale, a weight is scale * code.

Knows how codes and scales become the bytes of a block, and which scale suits a block best; how errors
are spread over neighbours is rounding.py's. Layouts: ggml's ggml-common.h (block_q4_0, q5_0, q8_0).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import gguf
import numpy as np
from numpy.typing import NDArray

from convert.parallel import slices
from convert.weights import Matrix

BLOCK = 32
"""Weights that share a scale."""

Codes = NDArray[np.int8]
"""[rows, columns]"""
Scales = NDArray[np.float32]
"""[rows, columns / 32], every value one that F16 can hold."""

_SHRINKAGE = (1.0, 0.95, 0.9, 1.05, 1.1)
"""First guesses at a block's scale, as parts of the one that just holds its largest weight. Each is refitted
to the codes that it gives: then these five come as close as a search over many (see tests)."""
_TILE_WEIGHTS = 1 << 17
"""Weights looked at together; they and their codes stay in a core's own cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Integers that a code may take, and the GGUF type that stores them."""

    type: gguf.GGMLQuantizationType
    lowest: int
    highest: int

    def codes(self, values: Matrix, scales: Matrix) -> Matrix:
        """The nearest code of each value, as float32; a zero scale gives code 0."""
        return self.nearest(values, inverse(scales), np.empty_like(values))

    def nearest(self, values: Matrix, inverses: Matrix, codes: Matrix) -> Matrix:
        """The same from the scales' inverses, into `codes`."""
        np.multiply(values, inverses, out=codes)
        np.rint(codes, out=codes)
        return np.clip(codes, self.lowest, self.highest, out=codes)

    def scales(self, weights: Matrix, importance: Matrix) -> Scales:
        """The scale of each block with the least squared error, weighted by `importance` [columns]."""
        rows, columns = weights.shape
        scales = np.empty((rows, columns // BLOCK), dtype=np.float32)
        for tile in _tiles(weights):
            weight = np.tile(_standing(importance), tile.stop - tile.start)
            found = self._scales(_standing(weights[tile]), weight, both_ends=True)
            scales[tile] = found.reshape(-1, columns // BLOCK)
        return scales

    def encode(self, weights: Matrix) -> NDArray[np.uint8]:
        """Each weight by itself, large ones weighing more: best scales, nearest codes, packed."""
        parts = []
        for tile in _tiles(weights):
            standing = _standing(weights[tile])
            scales = self._scales(standing, _standing(_by_size(weights[tile])))
            codes = self.codes(standing, scales).astype(np.int8).T
            parts.append(
                self.pack(
                    codes.reshape(weights[tile].shape), scales.reshape(len(weights[tile]), -1)
                )
            )
        return np.concatenate(parts)

    def _scales(self, blocks: Matrix, weight: Matrix, *, both_ends: bool = False) -> Matrix:
        """[32, blocks] weights and what their errors count to [blocks] scales.

        With codes q the best scale is sum(w q) / sum(q q), and the error falls by sum(w q)^2 / sum(q q).
        The largest weight goes to the end of the grid that reaches farther, or to the better one of both.
        """
        high, low = blocks.max(axis=0), blocks.min(axis=0)
        largest = np.where(high > -low, high, low)
        weighted = blocks * weight
        codes, products = np.empty_like(blocks), np.empty_like(blocks)
        best, most = np.zeros_like(largest), np.full_like(largest, -1)
        for end in (self.lowest, self.highest) if both_ends else (self.lowest,):
            for part in _SHRINKAGE:
                self.nearest(blocks, inverse(largest * np.float32(part / end)), codes)
                fit = np.multiply(codes, weighted, out=products).sum(axis=0)
                np.square(codes, out=products)
                products *= weight
                power = products.sum(axis=0)
                scale = np.divide(fit, power, out=np.zeros_like(fit), where=power > 0)
                gain = fit * scale
                better = gain > most
                best, most = np.where(better, scale, best), np.where(better, gain, most)
        return best.astype(np.float16).astype(np.float32)

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


def inverse(scales: Matrix) -> Matrix:
    """1 / scale, 0 where it is 0."""
    return np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)


def _by_size(weights: Matrix) -> Matrix:
    """How much each weight's error counts where nothing is known of its inputs: as in ggml, between all
    alike and by size. Counting all alike gives a smaller error, and a worse model."""
    squares = np.square(weights)
    squares += squares.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt(squares, out=squares), dtype=np.float32)


def _tiles(weights: Matrix) -> Iterator[slice]:
    """Rows that are looked at together."""
    yield from slices(len(weights), max(1, _TILE_WEIGHTS // weights.shape[1]))


def _standing(weights: Matrix) -> Matrix:
    """[32, blocks]: numpy is several times faster across many blocks than along a short one."""
    return np.ascontiguousarray(weights.reshape(-1, BLOCK).T)


Q4_0 = Grid(type=gguf.GGMLQuantizationType.Q4_0, lowest=-8, highest=7)
Q5_0 = Grid(type=gguf.GGMLQuantizationType.Q5_0, lowest=-16, highest=15)
Q8_0 = Grid(type=gguf.GGMLQuantizationType.Q8_0, lowest=-127, highest=127)

GRIDS = {grid.type: grid for grid in (Q4_0, Q5_0, Q8_0)}
