"""GGUF headers written by hand, right or wrong, for tests that need no weights."""

import struct
from collections.abc import Iterable


def string(text: str | bytes) -> bytes:
    """With its length before it."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def text(key: str, value: str | bytes) -> bytes:
    """A pair of the metadata."""
    return string(key) + struct.pack("<I", 8) + string(value)


def number(key: str, value: int, *, kind: int = 4, form: str = "I") -> bytes:
    return string(key) + struct.pack("<I" + form, kind, value)


def array(key: str, item: int, length: int, items: bytes = b"") -> bytes:
    return string(key) + struct.pack("<IIQ", 9, item, length) + items


def tensor(name: str, shape: Iterable[int] = (4,), *, kind: int = 0, offset: int = 0) -> bytes:
    """What the header says of one."""
    lengths = tuple(shape)
    return string(name) + struct.pack(f"<I{len(lengths)}QIQ", len(lengths), *lengths, kind, offset)


def gguf(
    *pairs: bytes,
    tensors: Iterable[bytes] = (),
    version: int = 3,
    counts: tuple[int, int] | None = None,
    data: bytes = bytes(4096),
) -> bytes:
    """A whole file; `counts` of tensors and pairs where they are to be wrong."""
    listed = tuple(tensors)
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(listed), len(pairs))))
    return head + b"".join((*pairs, *listed)) + data
