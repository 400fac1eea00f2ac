"""Large pages for the weights: the processor looks up 2 MB at a time instead of 4 kB.

Every token reads all weights once, and looking up where each small page lies cost a tenth of its time.
Linux only (on Windows it takes a right that pupils do not have). Knows mappings of memory, no model.
"""

import ctypes
import re
import sys
from collections.abc import Iterator
from pathlib import Path

WORTH_IT_BYTES = 4 << 20
"""Smaller pieces of memory gain nothing."""
_MAPS = Path("/proc/self/maps")
_ANONYMOUS = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *$")
_MADV_HUGEPAGE = 14


def ask_for_large_pages() -> int:
    """For all memory that this process has and no file backs; how many bytes that is.

    To be called before the memory is written: a page gets its size when it is first touched. What a
    system refuses stays as it is.
    """
    if sys.platform != "linux":
        return 0
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return sum(
        end - start
        for start, end in _large_pieces()
        if madvise(start, end - start, _MADV_HUGEPAGE) == 0
    )


def _large_pieces() -> Iterator[tuple[int, int]]:
    try:
        lines = _MAPS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        if found := _ANONYMOUS.match(line):
            start, end = (int(edge, 16) for edge in found.groups())
            if end - start >= WORTH_IT_BYTES:
                yield start, end
