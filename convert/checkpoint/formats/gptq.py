"""INT4 as AutoGPTQ and GPTQModel store it: `qweight`, `qzeros`, `scales`, `g_idx`, packed along the inputs.

The matrix lies transposed: qweight is [inputs / 8, outputs], so some rows of the weight are a strip of its
columns. Zeros are packed along the outputs. The older format, `gptq`, stores each zero less one; but tools
have written either format under the other's name. A symmetric matrix needs no zeros: 8 is what vLLM's kernels
take, whatever is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.formats.int4 import Q4_0_ZERO, Grid, Int4Source, int4_source, nibbles
from convert.checkpoint.formats.plain import PLAIN
from convert.checkpoint.formats.stored import StoredTensor
from convert.errors import BadTensor

PARTS = {"qweight", "qzeros", "scales", "g_idx"}
_ONE_IN_EACH_NIBBLE = np.uint32(0x1111_1111)


@dataclass(frozen=True, slots=True, kw_only=True)
class GptqLayout:
    qweight: StoredTensor
    qzeros: StoredTensor
    scales: StoredTensor
    zeros_less_one: bool
    """The format is `gptq`, not `gptq_v2`."""
    symmetric: bool
    """Every zero is 8."""

    @property
    def storage(self) -> str:
        return "GPTQ"

    def codes(self, begin: int, end: int) -> NDArray[np.uint8]:
        return nibbles(self.qweight.map()[:, begin:end].T)

    def grid(self, begin: int, end: int) -> Grid:
        scales = np.array(self.scales.map()[:, begin:end].T, np.float32, order="C")
        if self.symmetric:
            return Grid(zeros=np.full(scales.shape, Q4_0_ZERO, np.int16), scales=scales)
        first = begin // 8
        packed = np.ascontiguousarray(self.qzeros.map()[:, first : -(-end // 8)]).view(np.uint32)
        if self.zeros_less_one:
            # On the packed word, as the writer subtracted it: a zero of 0 has borrowed from its neighbour.
            packed = packed + _ONE_IN_EACH_NIBBLE
        zeros = nibbles(packed.view(np.int32))[:, begin - 8 * first :][:, : end - begin]
        return Grid(zeros=zeros.T.astype(np.int16), scales=scales)


def gptq_source(
    name: str,
    shape: tuple[int, ...],
    parts: Mapping[str, StoredTensor],
    *,
    zeros_less_one: bool,
    symmetric: bool | None,
) -> Int4Source:
    """`symmetric` is config.json's word, None where it gives none.

    Raises BadTensor where a part is missing, where types and shapes do not fit together, or where zero points
    are stored that no symmetric matrix has in either format.
    """
    for part in ("qzeros", "scales"):
        if part not in parts:
            raise BadTensor(
                f"{parts['qweight'].name} has no {part} beside it.", "Copy the checkpoint again."
            )
    rows, columns = shape
    qweight = parts["qweight"]
    if qweight.shape == (columns // 4, rows):
        raise BadTensor(
            f"{qweight.name} holds 8-bit codes; GPTQ is read with 4 bits only.",
            "Quantize with bits=4, or give the checkpoint from before the quantization.",
        )
    qweight.need(("I32",), (columns // 8, rows))
    groups = parts["scales"].shape[0] if parts["scales"].shape else 0
    qzeros = parts["qzeros"].need(("I32",), (groups, -(-rows // 8)))
    as_of_symmetric = _as_of_symmetric(qzeros, rows)
    if symmetric and not as_of_symmetric:
        raise BadTensor(
            f"{qzeros.name} holds zero points other than 8, and config.json says sym = true.",
            "Correct sym in quantization_config, or quantize again.",
        )
    layout = GptqLayout(
        qweight=qweight,
        qzeros=qzeros,
        symmetric=as_of_symmetric and symmetric is not False,
        scales=parts["scales"].need(PLAIN, (groups, rows)),
        zeros_less_one=zeros_less_one,
    )
    return int4_source(name, (rows, columns), layout, groups, parts.get("g_idx"))


def _as_of_symmetric(qzeros: StoredTensor, rows: int) -> bool:
    """Whether all stored zeros are 7, or all are 8: what the two formats write for a symmetric matrix."""
    stored = nibbles(np.ascontiguousarray(qzeros.map()))[:, :rows]
    return bool((stored == Q4_0_ZERO - 1).all() or (stored == Q4_0_ZERO).all())
