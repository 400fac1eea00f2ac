"""Shares of a count: their interval, and how they are written."""

import math

_95_PERCENT = 1.959964
NO_BREAK = "\N{NO-BREAK SPACE}"
"""Between a number and its unit, which belong on one line."""


def interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval for `hits` of `count`; it never leaves 0 to 1, also where all or none hit."""
    if count <= 0:
        return 0.0, 1.0
    share, square = hits / count, _95_PERCENT**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    spread = share * (1 - share) / count + square / (4 * count * count)
    reach = _95_PERCENT * math.sqrt(spread) / (1 + square / count)
    # Where all or none hit, rounding would miss the end by a last digit.
    return (
        0.0 if hits == 0 else max(0.0, middle - reach),
        1.0 if hits == count else min(1.0, middle + reach),
    )


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}{NO_BREAK}%"
