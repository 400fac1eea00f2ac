"""The numbers of sticks: each greater than the one before, whatever the maker's clock says.

A computer refuses a stick whose number is smaller than one that it had. The number is the time where that
is greater; a file beside the maker's key knows the last one, so a clock that stands in the year 2000 makes
no stick that is refused, and one that stood in 2099 for a day does no harm either.
"""

import time
from contextlib import suppress
from pathlib import Path

from soro_edge.paths import write_whole

TIME = "%Y%m%d%H%M%S"
"""A number where the maker gives none: when the stick was made, in UTC."""


def next_release(given: int, last: int) -> int:
    """`given`, where the maker chose a number; else one that is greater than `last`."""
    return given or max(int(time.strftime(TIME, time.gmtime())), last + 1)


def last_release(key: Path) -> int:
    """Of all sticks that were signed with the key in this file; 0 where nobody knows."""
    with suppress(OSError, ValueError):
        return int(_file(key).read_text(encoding="ascii"))
    return 0


def keep_release(key: Path, release: int) -> None:
    """Raises StorageError."""
    if release > last_release(key):
        write_whole(_file(key), f"{release}\n".encode("ascii"))


def _file(key: Path) -> Path:
    return key.with_name(key.name + ".release")
