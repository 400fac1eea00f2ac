"""The GGUF package's writer, made quick for vocabularies: it packs a list member by member, at a microsecond
each for a type, a length and a value. Here a list of texts or numbers is packed at once, into the same bytes.
"""

import struct
from collections.abc import Sequence
from typing import Any

import gguf

_NUMBERS = {int: (gguf.GGUFValueType.INT32, "i"), float: (gguf.GGUFValueType.FLOAT32, "f")}


class Writer(gguf.GGUFWriter):
    """gguf.GGUFWriter, little-endian."""

    def _pack_val(
        self,
        val: Any,
        vtype: gguf.GGUFValueType,
        add_vtype: bool,
        sub_type: gguf.GGUFValueType | None = None,
    ) -> bytes:
        packed = None
        if vtype is gguf.GGUFValueType.ARRAY and sub_type is None and isinstance(val, list | tuple):
            packed = _packed(val)
        if packed is None:
            return super()._pack_val(val, vtype, add_vtype, sub_type)
        return (struct.pack("<I", vtype) if add_vtype else b"") + packed


def _packed(values: Sequence[Any]) -> bytes | None:
    """An array's type, length and members; None for a list of anything else, or of nothing."""
    kinds = set(map(type, values))
    if kinds == {str}:
        texts = [value.encode("utf-8") for value in values]
        head = struct.pack("<IQ", gguf.GGUFValueType.STRING, len(values))
        return head + b"".join(
            part for text in texts for part in (len(text).to_bytes(8, "little"), text)
        )
    if len(kinds) == 1 and (number := _NUMBERS.get(next(iter(kinds)))):
        kind, code = number
        return struct.pack(f"<IQ{len(values)}{code}", kind, len(values), *values)
    return None
