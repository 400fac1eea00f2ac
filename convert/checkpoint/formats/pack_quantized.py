"""INT4 as compressed-tensors stores it (`pack-quantized`): `weight_packed` along the inputs, `weight_scale`.

Codes are the signed values plus 8, so the zero of a symmetric matrix is 8. `weight_zero_point` is packed
along the outputs, plus 8 too; older writers left it as plain int8. `weight_g_idx` is there with act-order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.formats.int4 import Q4_0_ZERO, Grid, Int4Source, int4_source, nibbles
from convert.checkpoint.formats.plain import PLAIN
from convert.checkpoint.formats.stored import StoredTensor
from convert.errors import BadTensor

PARTS = {"weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackQuantizedLayout:
    columns: int
    packed: StoredTensor
    scales: StoredTensor
    zeros: StoredTensor | None
    """None where the matrix is symmetric."""

    @property
    def storage(self) -> str:
        return "compressed-tensors"

    def codes(self, begin: int, end: int) -> NDArray[np.uint8]:
        return nibbles(self.packed.map()[begin:end])[:, : self.columns]

    def grid(self, begin: int, end: int) -> Grid:
        scales = np.array(self.scales.map()[begin:end], np.float32)
        if scales.ndim == 1:
            scales = scales[:, None]
        if self.zeros is None:
            return Grid(zeros=np.full(scales.shape, Q4_0_ZERO, np.int16), scales=scales)
        if self.zeros.dtype == "I8":
            zeros = self.zeros.map()[begin:end].astype(np.int16) + np.int16(Q4_0_ZERO)
            return Grid(zeros=zeros, scales=scales)
        first = begin // 8
        unpacked = nibbles(self.zeros.map()[first : -(-end // 8)].T)[:, begin - 8 * first :]
        return Grid(zeros=unpacked[:, : end - begin].T.astype(np.int16), scales=scales)


def pack_quantized_source(
    name: str, shape: tuple[int, ...], parts: Mapping[str, StoredTensor]
) -> Int4Source:
    """Raises BadTensor where a part is missing, or their types and shapes do not fit together."""
    packed, scales = parts["weight_packed"], parts.get("weight_scale")
    if scales is None:
        raise BadTensor(
            f"{packed.name} has no weight_scale beside it.", "Copy the checkpoint again."
        )
    rows, columns = shape
    if packed.shape == (rows, -(-columns // 4)):
        raise BadTensor(
            f"{packed.name} holds 8-bit codes; pack-quantized is read with 4 bits only.",
            "Quantize with num_bits=4, or give the checkpoint from before the quantization.",
        )
    packed.need(("I32",), (rows, -(-columns // 8)))
    if "weight_shape" in parts:
        said = tuple(int(size) for size in parts["weight_shape"].need(("I32", "I64"), (2,)).map())
        if said != shape:
            raise BadTensor(
                f"{parts['weight_shape'].name} says {list(said)}, {list(shape)} was expected.",
                "Weights and config.json must come from the same training.",
            )
    groups = scales.shape[1] if len(scales.shape) == 2 else 1
    scales.need(PLAIN, (rows, groups), *([(rows,)] if groups == 1 else []))
    zeros = parts.get("weight_zero_point")
    if zeros is not None:
        zeros.need(("I32", "I8"), (rows if zeros.dtype == "I8" else -(-rows // 8), groups))
    layout = PackQuantizedLayout(columns=columns, packed=packed, scales=scales, zeros=zeros)
    return int4_source(name, (rows, columns), layout, groups, parts.get("weight_g_idx"))
