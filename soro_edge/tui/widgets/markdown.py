"""Markdown with bullets that old console fonts have. Imported late: its parser costs a tenth of a second."""

from textual.widgets import Markdown


class SafeMarkdown(Markdown):
    """Markdown with plain bullets."""

    BULLETS = ["• ", "○ ", "- "]
