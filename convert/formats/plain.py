"""Weights stored as plain numbers: BF16, F16, F32."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.formats.rows import check_range, finite
from convert.formats.stored import StoredTensor
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
        return finite(self.name, begin, np.array(mapped[begin:end], np.float32))

    @property
    def q4_0_error(self) -> None:
        return None

    def q4_0_rows(self, begin: int, end: int) -> NDArray[np.uint8] | None:
        return None


def plain_source(name: str, shape: tuple[int, ...], stored: StoredTensor) -> PlainSource:
    """Raises BadTensor for another type or shape."""
    return PlainSource(name=name, stored=stored.need(PLAIN, shape))
