"""Which GGUF type each tensor of the output gets, and how large that makes the file.

Knows shapes, types and what more bits would gain; how that gain is measured is calibrate/sensitivity.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import gguf

from convert import gemma3
from convert.checkpoint.config import Gemma3Config
from convert.errors import BadTarget

Type = gguf.GGMLQuantizationType

TYPES = {
    "q4_0": Type.Q4_0,
    "iq4_nl": Type.IQ4_NL,
    "q8_0": Type.Q8_0,
    "bf16": Type.BF16,
    "f16": Type.F16,
    "f32": Type.F32,
}
"""What `--type` may name."""

INT4 = (Type.Q4_0, Type.IQ4_NL)
"""Types that are calibrated."""
_FINER = {Type.Q4_0: Type.Q5_0, Type.IQ4_NL: Type.Q5_0, Type.Q5_0: Type.Q8_0}
_ERROR = {Type.Q4_0: 1.0, Type.IQ4_NL: 0.7, Type.Q5_0: 0.25, Type.Q8_0: 1 / 256}
"""Squared rounding error of a grid against Q4_0's: a fourth for each bit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTensor:
    """One tensor of the output."""

    name: str
    """Canonical Hugging Face name of its source."""
    shape: tuple[int, ...]
    """In the output: an embedding's rows are those of the trimmed vocabulary."""
    type: Type

    @property
    def gguf_name(self) -> str:
        return gemma3.gguf_name(self.name)

    @property
    def size_bytes(self) -> int:
        block, size = gguf.GGML_QUANT_SIZES[self.type]
        weights = 1
        for length in self.shape:
            weights *= length
        return weights // block * size


Plan = Sequence[PlannedTensor]


def plan_types(config: Gemma3Config, *, rows: int, type: Type) -> list[PlannedTensor]:
    """Norms in F32; the embedding, which is the output matrix too, in Q8_0 at least; the rest in `type`."""
    planned = []
    for name, shape in config.tensor_shapes().items():
        kind = Type.F32 if gemma3.is_norm(name) else type
        if name in (gemma3.EMBEDDING, gemma3.OUTPUT):
            shape = (rows, shape[1])
            kind = Type.Q8_0 if type in INT4 else type
        planned.append(PlannedTensor(name=name, shape=shape, type=kind))
    return planned


def size_bytes(plan: Plan) -> int:
    """Of all tensors, without the head of the file."""
    alignment = 32
    return sum(-(-tensor.size_bytes // alignment) * alignment for tensor in plan)


def require_size(least_bytes: int, most_bytes: int | None) -> None:
    """Raises BadTarget where the smallest file possible, of `least_bytes`, is larger than `most_bytes`."""
    if most_bytes is not None and least_bytes > most_bytes:
        raise BadTarget(
            f"The file takes at least {least_bytes / 1e6:,.1f} MB, more than `--size` allows"
            f" ({most_bytes / 1e6:,.1f} MB).",
            f"Give `--size {-(-least_bytes // 10**5) / 10:g}MB` or more, or a smaller `--vocabulary`.",
        )


def spend(plan: Plan, spare_bytes: int, gains: Mapping[str, float]) -> list[PlannedTensor]:
    """The plan with finer types where they gain most for each byte, in at most `spare_bytes` more.

    `gains` is, for each group of tensors "layer.matrix matrix", the divergence that Q4_0 costs there.
    """
    types = {tensor.name: tensor for tensor in plan}
    while True:
        offers = []
        for group, gain in gains.items():
            tensors = [types[name] for name in names_of(group)]
            finer = _FINER.get(tensors[0].type)
            if finer is None:
                continue
            changed = [replace(tensor, type=finer) for tensor in tensors]
            cost = sum(new.size_bytes for new in changed) - sum(old.size_bytes for old in tensors)
            won = gain * (_ERROR[tensors[0].type] - _ERROR[finer])
            if cost <= spare_bytes:
                offers.append((won / cost, cost, changed))
        if not offers:
            return list(types.values())
        _, cost, changed = max(offers, key=lambda offer: offer[0])
        spare_bytes -= cost
        types |= {tensor.name: tensor for tensor in changed}


def group_name(layer: int, stage: Sequence[str]) -> str:
    """Names a layer's matrices that share their inputs; they get one type."""
    return f"{layer} {' '.join(stage)}"


def names_of(group: str) -> list[str]:
    layer, *matrices = group.split(" ")
    return [gemma3.layer_tensor(int(layer), matrix) for matrix in matrices]
