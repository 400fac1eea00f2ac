"""A source's rows as the bytes of a GGUF tensor: copied, repacked exactly, or rounded row by row.

Knows one tensor at a time; matrices that are rounded for their inputs come from calibrate/calibration.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from gguf import quants
from numpy.typing import NDArray

from convert import gemma3
from convert.errors import BadTensor
from convert.parallel import in_order, slices
from convert.quantize.bit_allocation import PlannedTensor, Type
from convert.quantize.block_formats import GRIDS
from convert.weights import Matrix, WeightSource

_CHUNK_WEIGHTS = 1_000_000
"""Weights in memory at once, for each thread."""

_LARGEST_F16 = 65_504.0
_LARGEST = {
    Type.F16: _LARGEST_F16,
    Type.BF16: 3.3e38,
    # A scale in F16 times the farthest code; a tenth less, because scales are fitted.
    Type.Q4_0: 0.9 * 8 * _LARGEST_F16,
    Type.IQ4_NL: 0.9 * 127 * _LARGEST_F16,
    Type.Q5_0: 0.9 * 16 * _LARGEST_F16,
    Type.Q8_0: 0.9 * 127 * _LARGEST_F16,
}
"""The largest weight that a type can hold."""

_GAP_ROWS = 32
"""Reading so many rows for nothing costs less than another read."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRows:
    """The rows that one tensor of the output is made of."""

    planned: PlannedTensor
    source: WeightSource
    kept: NDArray[np.int64] | None
    """For an embedding with a trimmed vocabulary: the source's row of each row."""

    def __len__(self) -> int:
        return self.planned.shape[0] if len(self.planned.shape) == 2 else 1

    @property
    def row_bytes(self) -> int:
        """Of a row in the output."""
        return self.planned.size_bytes // len(self)

    def chunks(self) -> Iterator[slice]:
        """Ranges of rows small enough for memory."""
        yield from slices(len(self), max(1, _CHUNK_WEIGHTS // self.planned.shape[-1]))

    def values(self, rows: slice) -> Matrix:
        """As llama.cpp shall use them, in float32. Raises BadTensor for more than the type can hold."""
        if self.kept is None:
            stored = self.source.rows(rows.start, rows.stop)
        else:
            stored = _gathered(self.source, self.kept[rows])
        self._require_in_range(rows, stored)
        return gemma3.transformed(self.planned.name, stored)

    def _require_in_range(self, rows: slice, values: Matrix) -> None:
        largest = _LARGEST.get(self.planned.type, np.inf)
        # One pass: where the sum of squares is small enough, so is each value.
        if float(np.vdot(values, values)) <= largest**2 or np.abs(values).max() <= largest:
            return
        row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
        number = rows.start + int(row) if self.kept is None else int(self.kept[rows][row])
        raise BadTensor(
            f"{self.source.name} holds {values[row, column]:,.0f} at row {number}, column {column}:"
            f" more than {self.planned.type.name} can hold.",
            "The training diverged there, or the file is damaged. `--type bf16` keeps such a weight.",
        )

    def values_at(self, numbers: NDArray[np.int64]) -> Matrix:
        """The same of single rows, by ascending number."""
        wanted = numbers if self.kept is None else self.kept[numbers]
        return gemma3.transformed(self.planned.name, _gathered(self.source, wanted))

    @property
    def repacking_error(self) -> float | None:
        """Where the source's own codes are taken, how far they are off at most, relatively; else None."""
        if self.planned.type is not Type.Q4_0 or self.kept is not None:
            return None
        return self.source.q4_0_error

    def encoded(self) -> Iterator[Bytes]:
        """The tensor's bytes, rounded without calibration where rounding is needed."""
        return in_order(self._encode, self.chunks())

    def _encode(self, rows: slice) -> Bytes:
        if self.repacking_error is not None:
            blocks = self.source.q4_0_rows(rows.start, rows.stop)
            assert blocks is not None, self.source.name
            return blocks
        values, kind = self.values(rows), self.planned.type
        if kind in GRIDS:
            return GRIDS[kind].encode(values)
        return quants.quantize(values, kind).view(np.uint8)


def _gathered(source: WeightSource, kept: NDArray[np.int64]) -> Matrix:
    """Rows by number, ascending, read in runs of neighbours; small gaps are read along."""
    runs = np.split(kept, np.flatnonzero(np.diff(kept) > _GAP_ROWS) + 1)
    return np.concatenate(
        [source.rows(int(run[0]), int(run[-1]) + 1)[run - run[0]] for run in runs]
    )
