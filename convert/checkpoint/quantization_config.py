"""`quantization_config` of a checkpoint: is it a kind that is read here, and what do its tensors not say?

Bits, groups and act-order are read from the tensors themselves, because configs allow exceptions for single
layers; only the facts below lie nowhere else.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from convert.checkpoint.formats import float8
from convert.checkpoint.json_file import Members, read_members
from convert.errors import UnsupportedCheckpoint

_COMPRESSED_FORMATS = (
    "dense", "naive-quantized", "float-quantized", "pack-quantized", "mixed-precision"
)  # fmt: skip
_GPTQ_FORMATS = ("gptq", "gptq_v2")
_HINT = (
    "INT4 by GPTQ and by compressed-tensors (pack-quantized) and FP8 are read;"
    " else convert the checkpoint from before the quantization."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """What a reader of quantized tensors must be told."""

    method: str = ""
    """What config.json calls it; empty where it names none."""
    refusal: UnsupportedCheckpoint | None = None
    """Why tensors that are stored so cannot be read. Merges and fine-tunes often leave the entry of a base
    model behind, so that is an error only where the tensors are quantized indeed."""
    zeros_less_one: bool = True
    """GPTQ's older format, which stores each zero less one."""
    symmetric: bool | None = None
    """GPTQ's `sym`: every zero point is 8. None where it is not said, or not for all layers."""
    block: tuple[int, int] = float8.BLOCK
    """Rows and columns that share an FP8 scale, where scales are given by blocks."""


def read_quantization(folder: Path) -> Quantization:
    """Read it from config.json, or from AutoGPTQ's own quantize_config.json.

    Raises UnsupportedCheckpoint for rotated weights, which look like any others.
    """
    whole = read_members(folder / "config.json")
    members = whole.object("quantization_config")
    if not members.values:
        members = whole.object("text_config").object("quantization_config")
    method = members.text("quant_method", "unnamed")
    if not members.values and (folder / "quantize_config.json").is_file():
        members = read_members(folder / "quantize_config.json")
        method = members.text("quant_method", "gptq")
    if not members.values:
        return Quantization()
    if members.object("transform_config").values:
        raise UnsupportedCheckpoint(
            "The checkpoint's weights are rotated (transform_config), which is not supported.",
            _HINT,
        )
    try:
        return replace(_read(method, members), method=method)
    except UnsupportedCheckpoint as refusal:
        return Quantization(method=method, refusal=refusal)


def _read(method: str, members: Members) -> Quantization:
    match method:
        case "gptq":
            return _gptq(members)
        case "compressed-tensors":
            return _compressed_tensors(members)
        case "fp8":
            block = members.wholes("weight_block_size", float8.BLOCK)
            return Quantization(block=_pair(block))
        case _:
            raise UnsupportedCheckpoint(
                f"The checkpoint is quantized by {method}, which is not supported.", _HINT
            )


def _gptq(members: Members) -> Quantization:
    name = members.text("checkpoint_format", members.text("format", "gptq"))
    if name not in _GPTQ_FORMATS:
        raise UnsupportedCheckpoint(
            f"The checkpoint is GPTQ in the format {name}, which is not supported.", _HINT
        )
    bits = members.whole("bits", 4)
    if bits != 4:
        raise UnsupportedCheckpoint(
            f"The checkpoint is GPTQ with {bits} bits, which is not supported.", _HINT
        )
    pack = members.text("pack_dtype", "int32")
    if pack != "int32":
        raise UnsupportedCheckpoint(
            f"The checkpoint is GPTQ packed in {pack}, which is not supported.", _HINT
        )
    # GPTQModel's `dynamic` may say for single layers what the checkpoint says for all.
    differs = any(
        "sym" in members.object("dynamic").object(pattern)
        for pattern in members.object("dynamic").values
    )
    symmetric = members.flag("sym", False) if "sym" in members and not differs else None
    return Quantization(zeros_less_one=name == "gptq", symmetric=symmetric)


def _compressed_tensors(members: Members) -> Quantization:
    groups = members.object("config_groups")
    names = {members.text("format", "dense")}
    block = float8.BLOCK
    for key in groups.values:
        group = groups.object(key)
        names.add(group.text("format", "dense"))
        block = _block_structure(group.object("weights"), block)
    sparsity = members.object("sparsity_config").text("format", "dense")
    for name in sorted(names | {sparsity}):
        if name not in _COMPRESSED_FORMATS:
            raise UnsupportedCheckpoint(
                f"The checkpoint is compressed-tensors in the format {name}, which is not supported.",
                _HINT,
            )
    return Quantization(block=block)


def _block_structure(weights: Members, default: tuple[int, int]) -> tuple[int, int]:
    """Two numbers, or as older versions wrote it, `128x128`."""
    value = weights.values.get("block_structure")
    if isinstance(value, str) and re.fullmatch(r"\d+x\d+", value):
        return _pair(tuple(int(side) for side in value.split("x")))
    return _pair(weights.wholes("block_structure", default))


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    if len(values) != 2 or min(values) < 1:
        raise UnsupportedCheckpoint(
            f"The checkpoint's FP8 scales are for blocks of {list(values)}.", _HINT
        )
    return values[0], values[1]
