"""Draws soro.ico: an open book, white on blue, as PNG pictures of four sizes. `python icon.py soro.ico`."""

import struct
import sys
import zlib
from pathlib import Path

SIZES = (16, 32, 48, 256)
BLUE, WHITE = b"\x1d\x4f\x91\xff", b"\xff\xff\xff\xff"


def pixel(x: float, y: float) -> bytes:
    """Colour at a place in the unit square: two slanted pages, a gap between them."""
    fold = abs(x - 0.5)
    page = 0.04 < fold < 0.38 and 0.28 - 0.2 * (0.38 - fold) < y - 0.05 < 0.62 - 0.2 * (fold - 0.38)
    return WHITE if page and 0.27 < y < 0.76 else BLUE


def png(size: int) -> bytes:
    rows = b"".join(
        b"\x00" + b"".join(pixel((x + 0.5) / size, (y + 0.5) / size) for x in range(size))
        for y in range(size)
    )
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def icon() -> bytes:
    pictures = [png(size) for size in SIZES]
    offset = 6 + 16 * len(SIZES)
    head = struct.pack("<HHH", 0, 1, len(SIZES))
    for size, picture in zip(SIZES, pictures, strict=True):
        head += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(picture), offset)
        offset += len(picture)
    return head + b"".join(pictures)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(icon())
