"""Scrollbars in whole cells: the eighths of a block are missing in old console fonts."""

from typing import ClassVar

from textual.scrollbar import ScrollBar, ScrollBarRender


class SafeScrollBarRender(ScrollBarRender):
    """Draws with blanks and colours only."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


def use_safe_scrollbars() -> None:
    """For every scrollbar of the process."""
    ScrollBar.renderer = SafeScrollBarRender
