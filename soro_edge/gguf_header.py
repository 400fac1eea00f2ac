"""The head of a GGUF file: metadata and how long the file must be. Standard library only.

The package `gguf` does this too, but imports numpy, which the screen's process must not. Knows
nothing of what the metadata mean. Format: ggml's docs/gguf.md, versions 2 and 3.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from soro_edge.model_errors import (
    FolderNotModel,
    ModelCutShort,
    ModelFileMissing,
    ModelHeadCutShort,
    ModelNotReadable,
    NotAModel,
)

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_BLOCKS = {  # ggml type: (values, bytes) of a block
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),
    22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
    29: (256, 56), 30: (1, 2),
}  # fmt: skip
_LONGEST = 1 << 28
"""No string or array of a sane file is longer; guards against random lengths in a damaged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What the head says."""

    metadata: dict[str, str | int | float | bool]
    """Without arrays."""
    need_bytes: int
    """The file's length if nothing is missing."""
    pieces: int
    """Rows of the embedding: the vocabulary's size."""


def read_header(path: Path) -> GgufHeader:
    """The head of the file `path`. Raises ModelFileMissing, FolderNotModel, ModelNotReadable,
    NotAModel, ModelCutShort."""
    if path.is_dir():
        raise FolderNotModel(path=str(path))
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise NotAModel(path=str(path))
            try:
                header = _read(file)
            except (struct.error, EOFError):
                raise ModelHeadCutShort(have_bytes=size, path=str(path)) from None
            except (ValueError, KeyError, OverflowError):
                raise NotAModel(path=str(path)) from None
    except FileNotFoundError:
        raise ModelFileMissing(name=path.stem, path=str(path)) from None
    except OSError as error:
        raise ModelNotReadable(reason=error.strerror or "?", path=str(path)) from error
    if size < header.need_bytes:
        raise ModelCutShort(have_bytes=size, need_bytes=header.need_bytes, path=str(path))
    return header


def _read(file: BinaryIO) -> GgufHeader:
    version, tensors, pairs = _unpack(file, "IQQ")
    if version not in (2, 3) or tensors > 1_000_000 or pairs > 1_000_000:
        raise ValueError(version)
    metadata: dict[str, str | int | float | bool] = {}
    for _ in range(pairs):
        key, (kind,) = _string(file), _unpack(file, "I")
        value = _value(file, kind)
        if value is not None:
            metadata[key] = value
    end, pieces = 0, 0
    for _ in range(tensors):
        name = _string(file)
        (dimensions,) = _unpack(file, "I")
        shape = _unpack(file, f"{dimensions}Q")
        kind, offset = _unpack(file, "IQ")
        if name == "token_embd.weight":
            pieces = shape[-1]
        values = 1
        for length in shape:
            values *= length
        per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
        end = max(end, offset + values // per_block * block_bytes)
    alignment = int(metadata.get("general.alignment", 32)) or 32
    data_begins = -(-file.tell() // alignment) * alignment
    return GgufHeader(metadata=metadata, need_bytes=data_begins + end, pieces=pieces)


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    layout = struct.Struct("<" + form)
    return layout.unpack(file.read(layout.size))


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > _LONGEST:
        raise ValueError(length)
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data.decode("utf-8", "replace")


def _value(file: BinaryIO, kind: int) -> str | int | float | bool | None:
    if kind == _STRING:
        return _string(file)
    if kind != _ARRAY:
        return _unpack(file, _SCALARS[kind])[0]
    item, length = _unpack(file, "IQ")
    if length > _LONGEST:
        raise ValueError(length)
    if item in _SCALARS:
        file.seek(length * struct.calcsize("<" + _SCALARS[item]), 1)
    else:
        for _ in range(length):
            _value(file, item)
    return None
