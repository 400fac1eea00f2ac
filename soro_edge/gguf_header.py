"""The header of a GGUF file: its metadata and how long the file must be. Standard library only.

The package `gguf` does this too, but imports numpy, which the screen's process must not. A file comes
from anywhere: whatever its numbers say, reading is bounded in time and memory. Knows nothing of what the
metadata mean. Format: ggml's docs/gguf.md, versions 2 and 3; limits as in llama.cpp's gguf.cpp or wider.
"""

import math
import stat
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

from soro_edge.model_errors import (
    BigEndianModel,
    FolderNotModel,
    ModelCutShort,
    ModelFileMissing,
    ModelHeadCutShort,
    ModelHeadDamaged,
    ModelNotReadable,
    NotAModel,
    UnknownBlockType,
    UnknownGgufVersion,
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
_INTEGERS = frozenset({0, 1, 2, 3, 4, 5, 10, 11})
_BLOCKS = {  # ggml type: (values, bytes) of a block
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),
    22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
    29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
    42: (64, 18),
}  # fmt: skip
_TYPE_NAMES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 20: "IQ4_NL", 30: "BF16",
}  # fmt: skip
"""As llama.cpp calls them; the rarer ones go by their number."""
_VERSIONS = (2, 3)
_MOST_DIMENSIONS = 4
_MOST_TENSORS = 1 << 16
_MOST_PAIRS = 1 << 16
_LONGEST_NAME_BYTES = 1 << 16
_LONGEST_STRING_BYTES = 1 << 24
_LONGEST_KEPT_STRING_BYTES = 1 << 20
_MOST_KEPT_BYTES = 1 << 23
_MOST_STRINGS = 1 << 21
"""In all arrays together: the largest vocabularies have 300,000 entries and as many merges."""
_MOST_LAYERS = 1 << 12
"""An array of integers no longer than this may hold one value a layer; longer ones are passed over."""
_LARGEST_ALIGNMENT = 1 << 20
_LARGEST_FILE_BYTES = 1 << 50

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What the header says."""

    metadata: dict[str, Scalar]
    """Without arrays, and without strings longer than a megabyte."""
    largest: dict[str, int] = field(default_factory=dict)
    """For short arrays of integers, such as one value a layer: the largest value."""
    need_bytes: int
    """The file's length if nothing is missing."""
    pieces: int
    """Rows of the embedding: the vocabulary's size."""
    tensors: int = 1
    """How many tensors the file holds."""
    weights_by_type: dict[str, int] = field(default_factory=dict)
    """How many values the matrices of each ggml type hold, as `{"Q4_0": 82_000_000}`."""

    def text(self, key: str, default: str = "") -> str:
        """The string of that name, or `default` where there is none."""
        value = self.metadata.get(key, default)
        return value if isinstance(value, str) else default

    def number(self, key: str, default: int = 0, *, at_most: int = (1 << 32) - 1) -> int:
        """The integer of that name, of an array the largest; `default` where there is none, or where it
        is no integer from 0 to `at_most`."""
        value = self.metadata.get(key, self.largest.get(key))
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= at_most:
            return default
        return value


def read_header(path: Path) -> GgufHeader:
    """The header of the file `path`. Raises ModelFileMissing, FolderNotModel, ModelNotReadable,
    NotAModel, ModelCutShort."""
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise FolderNotModel(path=str(path))
        if not stat.S_ISREG(facts.st_mode):
            # Opening a pipe would wait for ever.
            raise NotAModel(path=str(path))
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise NotAModel(path=str(path))
            header = _HeaderReader(file, path, facts.st_size).read()
    except FileNotFoundError:
        raise ModelFileMissing(name=path.stem, path=str(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "?"
        raise ModelNotReadable(reason=reason, path=str(path)) from error
    if facts.st_size < header.need_bytes:
        raise ModelCutShort(have_bytes=facts.st_size, need_bytes=header.need_bytes, path=str(path))
    return header


class _HeaderReader:
    """Reads one header; counts what it was given to read against the limits."""

    def __init__(self, file: BinaryIO, path: Path, size_bytes: int) -> None:
        self._file = file
        self._path = path
        self._size_bytes = size_bytes
        self._strings_left = _MOST_STRINGS
        self._kept_bytes_left = _MOST_KEPT_BYTES

    def read(self) -> GgufHeader:
        (version,) = self._unpack("I")
        if version and not version & 0xFFFF:
            raise BigEndianModel(path=str(self._path))
        if version not in _VERSIONS:
            raise UnknownGgufVersion(version=version, path=str(self._path))
        tensors, pairs = self._unpack("QQ")
        if tensors > _MOST_TENSORS:
            self._damaged(f"{tensors} tensors")
        if pairs > _MOST_PAIRS:
            self._damaged(f"{pairs} metadata")
        metadata: dict[str, Scalar] = {}
        largest: dict[str, int] = {}
        for _ in range(pairs):
            key = self._name()
            (kind,) = self._unpack("I")
            if kind == _ARRAY:
                most = self._largest_of_array(key)
                if most is not None:
                    largest[key] = most
            elif (value := self._value(kind, key)) is not None:
                metadata[key] = value
        end, pieces = 0, 0
        weights_by_type: dict[str, int] = {}
        for _ in range(tensors):
            name, shape, type_name, after = self._tensor()
            if len(shape) > 1:
                values = math.prod(shape)
                weights_by_type[type_name] = weights_by_type.get(type_name, 0) + values
            if name == "token_embd.weight":
                pieces = shape[-1] if shape else 0
            end = max(end, after)
        alignment = metadata.get("general.alignment", 32)
        if (
            isinstance(alignment, bool)
            or not isinstance(alignment, int)
            or not 0 < alignment <= _LARGEST_ALIGNMENT
            or alignment & (alignment - 1)
        ):
            self._damaged("general.alignment")
        data_begins = -(-self._file.tell() // alignment) * alignment
        return GgufHeader(
            metadata=metadata,
            largest=largest,
            need_bytes=data_begins + end if tensors else self._file.tell(),
            pieces=pieces,
            tensors=tensors,
            weights_by_type=weights_by_type,
        )

    def _tensor(self) -> tuple[str, tuple[int, ...], str, int]:
        """Its name, its shape, its type, and where it ends, counted from the beginning of the data."""
        name = self._name()
        (dimensions,) = self._unpack("I")
        if dimensions > _MOST_DIMENSIONS:
            self._damaged(f"{dimensions} dimensions")
        shape = self._unpack(f"{dimensions}Q")
        kind, offset = self._unpack("IQ")
        if kind not in _BLOCKS:
            raise UnknownBlockType(number=kind, path=str(self._path))
        values = math.prod(shape)
        per_block, block_bytes = _BLOCKS[kind]
        end = offset + -(-values // per_block) * block_bytes
        if end > _LARGEST_FILE_BYTES:
            self._damaged("a tensor's size")
        return name, shape, _TYPE_NAMES.get(kind, str(kind)), end

    def _damaged(self, reason: str) -> NoReturn:
        raise ModelHeadDamaged(reason=reason, path=str(self._path))

    def _bytes(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise ModelHeadCutShort(have_bytes=self._size_bytes, path=str(self._path))
        return data

    def _skip(self, count: int) -> None:
        # A seek beyond the end succeeds; what is read next does not.
        if self._file.seek(count, 1) > self._size_bytes:
            raise ModelHeadCutShort(have_bytes=self._size_bytes, path=str(self._path))

    def _unpack(self, form: str) -> tuple[int, ...]:
        layout = struct.Struct("<" + form)
        return layout.unpack(self._bytes(layout.size))

    def _name(self) -> str:
        (length,) = self._unpack("Q")
        if length > _LONGEST_NAME_BYTES:
            self._damaged("a name's length")
        return self._bytes(length).decode("utf-8", "replace")

    def _value(self, kind: int, key: str) -> Scalar | None:
        """A scalar, or a string that is not too long to keep."""
        if kind != _STRING:
            if kind not in _SCALARS:
                self._damaged(f"value type {kind}")
            return self._unpack(_SCALARS[kind])[0]
        (length,) = self._unpack("Q")
        if length > _LONGEST_STRING_BYTES:
            self._damaged("a string's length")
        if length > min(_LONGEST_KEPT_STRING_BYTES, self._kept_bytes_left):
            self._skip(length)
            return None
        self._kept_bytes_left -= length
        return self._bytes(length).decode("utf-8", "replace")

    def _largest_of_array(self, key: str) -> int | None:
        item, length = self._unpack("IQ")
        if item == _STRING:
            self._skip_strings(length)
            return None
        if item not in _SCALARS:  # an array of arrays, which llama.cpp refuses too
            self._damaged(f"array of value type {item}")
        item_bytes = struct.calcsize("<" + _SCALARS[item])
        if length * item_bytes > self._size_bytes:
            raise ModelHeadCutShort(have_bytes=self._size_bytes, path=str(self._path))
        if item in _INTEGERS and 0 < length <= _MOST_LAYERS:
            return max(self._unpack(f"{length}{_SCALARS[item]}"))
        self._skip(length * item_bytes)
        return None

    def _skip_strings(self, count: int) -> None:
        self._strings_left -= count
        if self._strings_left < 0:
            self._damaged("an array's length")
        for _ in range(count):
            (length,) = self._unpack("Q")
            if length > _LONGEST_STRING_BYTES:
                self._damaged("a string's length")
            self._skip(length)
