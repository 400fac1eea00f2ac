"""The INT grids of GGUF: 32 weights share one scale, a weight is scale * code.

Knows how codes and scales become the bytes of a block, and which scale suits a block best; how errors
are spread over neighbours is gptq.py's. Layouts: ggml's ggml-common.h (block_q4_0, q5_0, q8_0, iq4_nl).
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import gguf
import numpy as np
from numpy.typing import NDArray

from convert.parallel import slices
from convert.quantize.compiled import CompiledSearch, compiled
from convert.weights import Matrix

BLOCK = 32
"""Weights that share a scale."""

Codes = NDArray[np.int8]
"""[rows, columns]"""
Scales = NDArray[np.float32]
"""[rows, columns / 32], every value one that F16 can hold."""

_SHRINKAGE = (1.0, 0.95, 0.9, 1.05, 1.1)
"""First guesses at a block's scale, as parts of the one that just holds its largest weight. Each is refitted
to the codes that it gives: then these five come as close as a search over many (see tests). Fewer, or nearer
ones cost the whole model much more than their small errors tell."""
_TINY = np.float32(np.finfo(np.float32).tiny)
_NOTHING = np.float32(1e-20)
"""A block without a larger weight becomes zeros: no scale in F16 is so small."""
_TILE_WEIGHTS = 1 << 18
"""Weights looked at together. Fewer would stay in a core's own cache; but then its threads wait longer for
each other between two steps of numpy than these take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Integers that a code may take, and the GGUF type that stores them."""

    type: gguf.GGMLQuantizationType
    lowest: int
    highest: int
    levels: tuple[int, ...] = ()
    """Those that it may take, ascending; empty for all between the ends. Stored are their numbers."""

    @property
    def values(self) -> NDArray[np.int8]:
        """All that a code may be."""
        return np.array(self.levels or range(self.lowest, self.highest + 1), dtype=np.int8)

    def codes(self, values: Matrix, scales: Matrix) -> Matrix:
        """The nearest code of each value, as float32; a zero scale gives code 0."""
        return self.nearest(values, inverse(scales), np.empty_like(values))

    def nearest(self, values: Matrix, inverses: Matrix, codes: Matrix) -> Matrix:
        """The same from the scales' inverses, into `codes`."""
        np.multiply(values, inverses, out=codes)
        if self.levels:
            codes *= 2
            np.rint(codes, out=codes)
            np.clip(codes, 2 * self.lowest, 2 * self.highest, out=codes)
            at = codes.astype(np.int16)
            at -= np.int16(2 * self.lowest)
            np.take(_nearest_levels(self.levels), at, out=codes, mode="clip")
            return codes
        np.rint(codes, out=codes)
        np.clip(codes, self.lowest, self.highest, out=codes)
        return codes

    def scales(self, weights: Matrix, importance: Matrix) -> Scales:
        """The scale of each block with the least squared error, weighted by `importance` [columns]."""
        rows, columns = weights.shape
        if search := self._compiled:
            lying = np.ascontiguousarray(weights)
            return self._searched(search, lying, importance, both_ends=True).astype(np.float32)
        scales = np.empty((rows, columns // BLOCK), dtype=np.float32)
        for tile in _tiles(weights):
            room = _Room(tile.stop - tile.start, columns)
            blocks = room.standing(weights[tile])
            room.weight[:] = np.tile(_standing(importance), tile.stop - tile.start)
            found = self._scales(blocks, room, both_ends=True)
            scales[tile] = found.reshape(-1, columns // BLOCK)
        return scales

    def encode(self, weights: Matrix) -> NDArray[np.uint8]:
        """Each weight by itself, large ones weighing more: best scales, nearest codes, packed."""
        if search := self._compiled:
            return self._encoded_by(search, np.ascontiguousarray(weights))
        rows, columns = weights.shape
        packed = np.empty((rows, columns // BLOCK * self.block_bytes), dtype=np.uint8)
        room = None
        for tile in _tiles(weights):
            if room is None or room.rows != tile.stop - tile.start:
                room = _Room(tile.stop - tile.start, columns)
            blocks = room.standing(weights[tile])
            _count_by_size(weights[tile], blocks, room.weight)
            scales = self._scales(blocks, room)
            codes = self.nearest(blocks, inverse(scales), blocks)
            packed[tile] = self._pack(codes, scales).reshape(-1, packed.shape[1])
        return packed

    @property
    def _compiled(self) -> CompiledSearch | None:
        return None if self.levels else compiled()

    def _encoded_by(self, search: CompiledSearch, weights: Matrix) -> NDArray[np.uint8]:
        short = self._searched(search, weights, _mean_squares(weights)[:, None])
        scales = short.astype(np.float32)
        if self.type is gguf.GGMLQuantizationType.Q4_0:
            return search.pack_q4_0(weights, inverse(scales), short)
        blocks = _standing(weights)
        codes = self.nearest(blocks, inverse(scales.reshape(-1)), blocks)
        return self._pack(codes, scales.reshape(-1)).reshape(len(weights), -1)

    def _searched(
        self, search: CompiledSearch, weights: Matrix, counts: Matrix, *, both_ends: bool = False
    ) -> NDArray[np.float16]:
        ends, limits = (self.lowest, self.highest), (float(_TINY), float(_NOTHING))
        tries = self._tries(both_ends=both_ends)
        return search.best_scales(weights, counts, tries, ends=ends, limits=limits).astype(
            np.float16
        )

    def _tries(self, *, both_ends: bool) -> list[np.float32]:
        """First guesses, each as the code of a block's largest weight."""
        ends = (self.lowest, self.highest) if both_ends else (self.lowest,)
        return [np.float32(end / part) for end in ends for part in _SHRINKAGE]

    @property
    def block_bytes(self) -> int:
        return gguf.GGML_QUANT_SIZES[self.type][1]

    def _scales(self, blocks: Matrix, room: "_Room", *, both_ends: bool = False) -> Matrix:
        """[32, blocks] weights, and in `room.weight` what their errors count, to [blocks] scales.

        With codes q the best scale is sum(w q) / sum(q q), and the error falls by sum(w q)^2 / sum(q q).
        The largest weight goes to the end of the grid that reaches farther, or to the better one of both.
        """
        high, low = blocks.max(axis=0), blocks.min(axis=0)
        largest = np.where(high > -low, high, low)
        largest = inverse(np.where(np.abs(largest) < _NOTHING, np.float32(0), largest))
        weighted = np.multiply(blocks, room.weight, out=room.weighted)
        tries = self._tries(both_ends=both_ends)
        fit, power = np.empty((2, len(tries), len(largest)), dtype=np.float32)
        for number, reach in enumerate(tries):
            codes = self.nearest(blocks, largest * reach, room.codes)
            # einsum adds up without writing the products.
            np.einsum("ij,ij->j", codes, weighted, out=fit[number])
            np.einsum("ij,ij,ij->j", codes, codes, room.weight, out=power[number])
        scales = fit / np.maximum(power, _TINY, out=power)
        best = np.argmax(np.multiply(fit, scales, out=fit), axis=0)
        found: Matrix = scales[best, np.arange(len(best))]
        return found.astype(np.float16).astype(np.float32)

    def pack(self, codes: Codes, scales: Scales) -> NDArray[np.uint8]:
        """[rows, bytes] as GGUF stores them."""
        return self._pack(codes.reshape(-1, BLOCK).T, scales.reshape(-1)).reshape(len(codes), -1)

    def _pack(self, codes: Codes | Matrix, scales: Matrix) -> NDArray[np.uint8]:
        """[32, blocks] codes and [blocks] scales to [blocks, bytes]."""
        packed = np.empty((len(scales), self.block_bytes), dtype=np.uint8)
        packed[:, :2] = scales.astype(np.float16)[:, None].view(np.uint8)
        small = codes.astype(np.int8)
        if self.type is gguf.GGMLQuantizationType.Q8_0:
            packed[:, 2:] = small.view(np.uint8).T
            return packed
        if self.levels:
            shifted = np.searchsorted(self.values, small).astype(np.uint8)
        else:
            small -= np.int8(self.lowest)
            shifted = small.view(np.uint8)
        if self.type is gguf.GGMLQuantizationType.Q5_0:
            packed[:, 2:6] = np.packbits(shifted >> 4, axis=0, bitorder="little").T
            shifted &= 15
        high = shifted[BLOCK // 2 :]
        high <<= 4
        high |= shifted[: BLOCK // 2]
        packed[:, -BLOCK // 2 :] = high.T
        return packed


def inverse(scales: Matrix) -> Matrix:
    """1 / scale, 0 where it is 0."""
    # Without `where=`, which is many times slower.
    return np.asarray(np.float32(1) / np.where(scales == 0, np.float32(np.inf), scales))


@functools.cache
def _nearest_levels(levels: tuple[int, ...]) -> Matrix:
    """The level nearest to each half integer from the first level to the last: a look-up is much faster than
    a search."""
    halves = np.arange(2 * levels[0], 2 * levels[-1] + 1) / 2
    known = np.array(levels, dtype=np.float32)
    return np.asarray(known[np.abs(halves[:, None] - known).argmin(axis=1)], dtype=np.float32)


class _Room:
    """Memory for one tile, used again for the next: fresh memory costs more than what is computed in it."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows = rows
        shape = (BLOCK, rows * columns // BLOCK)
        self._blocks, self.weight, self.weighted, self.codes = (
            np.empty(shape, dtype=np.float32) for _ in range(4)
        )

    def standing(self, weights: Matrix) -> Matrix:
        self._blocks[:] = weights.reshape(-1, BLOCK).T
        return self._blocks


def _count_by_size(weights: Matrix, blocks: Matrix, counts: Matrix) -> None:
    """How much the error of each weight in `blocks` counts where nothing is known of its inputs: as in ggml,
    between all alike and by size. Counting all alike gives a smaller error, and a worse model."""
    np.square(blocks, out=counts)
    counts += np.repeat(_mean_squares(weights), weights.shape[1] // BLOCK)
    np.sqrt(counts, out=counts)


def _mean_squares(weights: Matrix) -> Matrix:
    """Of each row."""
    squares: Matrix = np.einsum("ij,ij->i", weights, weights)
    squares /= np.float32(weights.shape[1])
    return squares


def _tiles(weights: Matrix) -> Iterator[slice]:
    """Rows that are looked at together."""
    yield from slices(len(weights), max(1, _TILE_WEIGHTS // weights.shape[1]))


def _standing(weights: Matrix) -> Matrix:
    """[32, blocks]: numpy is several times faster across many blocks than along a short one."""
    return np.ascontiguousarray(weights.reshape(-1, BLOCK).T)


Q4_0 = Grid(type=gguf.GGMLQuantizationType.Q4_0, lowest=-8, highest=7)
Q5_0 = Grid(type=gguf.GGMLQuantizationType.Q5_0, lowest=-16, highest=15)
Q8_0 = Grid(type=gguf.GGMLQuantizationType.Q8_0, lowest=-127, highest=127)

IQ4_NL = Grid(
    type=gguf.GGMLQuantizationType.IQ4_NL,
    lowest=-127,
    highest=113,
    levels=(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113),
)
"""Levels that lie closer where most weights are: in as many bytes as Q4_0 much closer to the weights."""

GRIDS = {grid.type: grid for grid in (Q4_0, IQ4_NL, Q5_0, Q8_0)}
