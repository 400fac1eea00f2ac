"""Tensors in safetensors files, memory-mapped when they are read and unmapped after it.

The file's header is read here and not by the safetensors library, because that keeps the whole file mapped
(a 12B checkpoint would count as memory used) and has no float8 for numpy. Knows bytes, types and shapes only.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from convert.errors import BadCheckpoint, BadTensor

DTYPES: dict[str, np.dtype[Any]] = {
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "BOOL": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U8": np.dtype(np.uint8),
    "I16": np.dtype("<i2"),
    "U16": np.dtype("<u2"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
}
_HEADER_LIMIT_BYTES = 100_000_000
COPY_AGAIN = "Copy the checkpoint again, and compare its files' sizes with the original's."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """Where one tensor lies."""

    name: str
    """As in the file, with every prefix."""
    file: Path
    dtype: str
    """safetensors' code, a key of DTYPES."""
    shape: tuple[int, ...]
    begin: int
    """The first byte in the file."""

    def map(self) -> NDArray[Any]:
        """The whole tensor, mapped. Copy what is wanted and let go of it: the mapping ends with it."""
        try:
            return np.memmap(
                self.file, DTYPES[self.dtype], mode="r", offset=self.begin, shape=self.shape
            )
        except (OSError, ValueError) as error:
            raise BadTensor(
                f"{self.name} cannot be read from {self.file.name}: {error}.", COPY_AGAIN
            ) from error

    def need(self, dtypes: tuple[str, ...], *shapes: tuple[int, ...]) -> "StoredTensor":
        """Itself, if it is of one of the types and shapes. Raises BadTensor."""
        if self.dtype not in dtypes:
            raise BadTensor(
                f"{self.name} is stored as {self.dtype}, {' or '.join(dtypes)} was expected.",
                "Such a storage is not converted; save the checkpoint in BF16.",
            )
        if shapes and self.shape not in shapes:
            raise BadTensor(
                f"{self.name} has the shape {list(self.shape)},"
                f" {' or '.join(str(list(shape)) for shape in dict.fromkeys(shapes))} was expected.",
                "Weights and config.json must come from the same training.",
            )
        return self


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of one file, every one of them wholly inside it. Raises BadCheckpoint."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            text = file.read(length) if length <= min(size, _HEADER_LIMIT_BYTES) else b""
    except OSError as error:
        raise BadCheckpoint(f"{path.name} cannot be read: {error.strerror}.", COPY_AGAIN) from error
    if start == b"version ":
        raise BadCheckpoint(
            f"{path.name} is not the weights but a Git LFS pointer to them.", "Run: git lfs pull"
        )
    if len(start) < 8 or size < 8 + length <= 8 + _HEADER_LIMIT_BYTES:
        raise _cut_off(path, size, None)
    try:
        header = json.loads(text)
        tensors = {
            name: _tensor(name, path, value, 8 + length)
            for name, value in header.items()
            if name != "__metadata__"
        }
    except (
        ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError
    ) as error:  # fmt: skip
        raise BadCheckpoint(f"{path.name} is no safetensors file.", COPY_AGAIN) from error
    end = max((_end(tensor) for tensor in tensors.values()), default=8 + length)
    if size < end:
        raise _cut_off(path, size, end)
    return tensors


def _tensor(name: str, path: Path, value: dict[str, Any], data: int) -> StoredTensor:
    begin, end = (int(offset) for offset in value["data_offsets"])
    shape = tuple(int(length) for length in value["shape"])
    dtype = str(value["dtype"])
    if dtype not in DTYPES:
        raise BadTensor(
            f"{name} in {path.name} is stored as {dtype}, which is not known here.",
            "Save the checkpoint in BF16.",
        )
    tensor = StoredTensor(name=name, file=path, dtype=dtype, shape=shape, begin=data + begin)
    if begin < 0 or min(shape, default=1) < 0 or _end(tensor) != data + end:
        raise ValueError(f"offsets of {name}")
    return tensor


def _end(tensor: StoredTensor) -> int:
    return tensor.begin + math.prod(tensor.shape) * DTYPES[tensor.dtype].itemsize


def _cut_off(path: Path, size: int, end: int | None) -> BadCheckpoint:
    missing = f"{size:,} of {end:,} bytes are here" if end else f"only {size:,} bytes are here"
    return BadCheckpoint(f"{path.name} is cut off: {missing}.", COPY_AGAIN)
