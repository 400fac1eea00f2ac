"""Writes a safetensors file and an index for shards, for tests: any numpy or ml_dtypes array.

Independent of the converter's reader on purpose: it follows the format's description alone. The library's own
writer knows no float8 from numpy.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]

CODES: Mapping[np.dtype[Any], str] = {
    np.dtype(ml_dtypes.bfloat16): "BF16",
    np.dtype(ml_dtypes.float8_e4m3fn): "F8_E4M3",
    np.dtype(np.float16): "F16",
    np.dtype(np.float32): "F32",
    np.dtype(np.float64): "F64",
    np.dtype(np.int8): "I8",
    np.dtype(np.uint8): "U8",
    np.dtype(np.int32): "I32",
    np.dtype(np.int64): "I64",
}


def write_safetensors(path: Path, tensors: Tensors) -> None:
    """One file: the header's length in 8 bytes, the header as JSON, the tensors one after another."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for name, values in tensors.items():
        header[name] = {
            "dtype": CODES[values.dtype],
            "shape": list(values.shape),
            "data_offsets": [begin, begin + values.nbytes],
        }
        begin += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for values in tensors.values():
            file.write(np.ascontiguousarray(values).tobytes())


def write_shards(folder: Path, shards: Sequence[Tensors]) -> None:
    """`model.safetensors`, or `model-00001-of-000NN.safetensors` and its index."""
    if len(shards) == 1:
        write_safetensors(folder / "model.safetensors", shards[0])
        return
    names = [
        f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)
    ]
    for name, tensors in zip(names, shards, strict=True):
        write_safetensors(folder / name, tensors)
    index = {
        "metadata": {"total_size": sum(t.nbytes for shard in shards for t in shard.values())},
        "weight_map": {
            tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard
        },
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


def split(tensors: Tensors, shards: int) -> Iterator[Tensors]:
    """The tensors in `shards` parts of about as many tensors each, in their order."""
    names = list(tensors)
    for part in np.array_split(np.arange(len(names)), shards):
        yield {names[index]: tensors[names[index]] for index in part}
