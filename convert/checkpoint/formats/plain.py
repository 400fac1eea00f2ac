"""Weights stored as plain numbers: BF16, F16, F32."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.formats.rows import check_range, finite
from convert.checkpoint.formats.stored import DTYPES, StoredTensor
from convert.weights import Matrix

PLAIN = ("BF16", "F16", "F32")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainSource:
    """A WeightSource; a matrix or a vector."""

    name: str
    stored: StoredTensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stored.shape

    @property
    def storage(self) -> str:
        return self.stored.dtype

    def rows(self, begin: int, end: int) -> Matrix:
        mapped = np.atleast_2d(self.stored.map())
        check_range(self.name, len(mapped), begin, end)
        return finite(self.name, begin, _float32(mapped[begin:end]))

    @property
    def q4_0_error(self) -> None:
        return None

    def q4_0_rows(self, begin: int, end: int) -> NDArray[np.uint8] | None:
        return None


def _float32(rows: NDArray[Any]) -> Matrix:
    """A copy. BF16 is the upper half of a float32, which is quicker to say than to convert."""
    if rows.dtype != DTYPES["BF16"]:
        return np.array(rows, np.float32)
    wide = rows.view(np.uint16).astype(np.uint32)
    wide <<= np.uint32(16)
    return wide.view(np.float32)


def plain_source(name: str, shape: tuple[int, ...], stored: StoredTensor) -> PlainSource:
    """Raises BadTensor for another type or shape."""
    return PlainSource(name=name, stored=stored.need(PLAIN, shape))
