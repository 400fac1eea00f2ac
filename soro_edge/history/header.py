"""The first hundred bytes of an SQLite file: what is written there is known, so a damage can be undone.

https://sqlite.org/fileformat.html#the_database_header. Knows bytes, no SQL.
"""

import struct
from pathlib import Path

_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_PAGE_SIZES = {1 if power == 16 else 1 << power for power in range(9, 17)}
"""65536 is written as 1."""
_USUAL_PAGE_SIZE = 4096
_UTF_8 = 1


def header_damage(path: Path) -> str:
    """What is wrong there; empty if nothing, or where there is no file or no byte in it."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return ""
    if not header:
        return ""
    if len(header) < _HEADER_BYTES or header[:16] != _MAGIC:
        return "file is not a database"
    (page_size,) = struct.unpack_from(">H", header, 16)
    file_formats, fractions = header[18:20], header[21:24]
    schema_format, encoding = struct.unpack_from(">I8xI", header, 44)
    vacuum = struct.unpack_from(">I8xI", header, 52)
    sound = (
        page_size in _PAGE_SIZES
        and set(file_formats) <= {1, 2}
        and fractions == bytes((64, 32, 32))
        and schema_format in (0, 1, 2, 3, 4)
        and encoding in (0, _UTF_8)
        and vacuum == (0, 0)
    )
    return "" if sound else "a wrong byte in the header"


def mend_header(path: Path, *, with_log: bool) -> None:
    """Write it anew, as every history has it, so that SQLite looks for a write-ahead log or does not.

    The rows lie behind it.
    """
    with path.open("r+b") as file:
        header = bytearray(file.read(_HEADER_BYTES))
        if len(header) < _HEADER_BYTES:
            return
        size_bytes = path.stat().st_size
        way = 2 if with_log else 1
        header[:24] = _MAGIC + struct.pack(">H6B", _USUAL_PAGE_SIZE, way, way, 0, 64, 32, 32)
        # The size in pages holds where the two change counters are equal; no page is free.
        header[24:60] = struct.pack(
            ">9I", 1, size_bytes // _USUAL_PAGE_SIZE, 0, 0, 1, 4, 0, 0, _UTF_8
        )
        header[60:100] = bytes(32) + struct.pack(">II", 1, 3_040_000)
        file.seek(0)
        file.write(header)
