"""Large pages for the weights: the processor looks up 2 MB at a time instead of 4 kB.

Every token reads all weights once, and looking up where each small page lies cost a tenth of its time.
Linux only (on Windows it takes a right that pupils do not have). Knows mappings of memory, no model.
"""

import ctypes
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

Piece = tuple[int, int]
"""Of memory: its first address, and the first one after it."""

WORTH_IT_BYTES = 4 << 20
"""Smaller pieces of memory gain nothing."""
_MAPS = Path("/proc/self/maps")
_ANONYMOUS = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *$")
_MADV_HUGEPAGE = 14


def memory_in_use() -> Sequence[Piece]:
    """What this process has and no file backs, by address; empty where large pages are not asked for."""
    if sys.platform != "linux":
        return ()
    try:
        lines = _MAPS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    found = filter(None, map(_ANONYMOUS.match, lines))
    return [(int(piece[1], 16), int(piece[2], 16)) for piece in found]


def ask_for_large_pages(before: Sequence[Piece]) -> int:
    """For all memory that was not in use `before`; how many bytes that is. Not for more: a thread's stack
    in large pages would take a hundred times what it needs.

    To be called before the memory is written: a page gets its size when it is first touched. What a
    system refuses stays as it is.
    """
    if sys.platform != "linux":
        return 0
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return sum(
        end - start
        for piece in memory_in_use()
        for start, end in without(piece, before)
        if end - start >= WORTH_IT_BYTES and madvise(start, end - start, _MADV_HUGEPAGE) == 0
    )


def without(piece: Piece, others: Sequence[Piece]) -> Iterator[Piece]:
    """What is left of it. `others` by address: the kernel joins neighbours, so that they may overlap it."""
    start, end = piece
    for other_start, other_end in others:
        if start < other_start < end:
            yield start, other_start
        if start < other_end and other_start < end:
            start = other_end
    if start < end:
        yield start, end
