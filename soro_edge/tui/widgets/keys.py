"""The line of F keys at the bottom: as many as the width has room for, the needed ones first."""

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

GIVEN_UP = ("f5", "f4", "f2", "f7")
"""Where there is no room, these go, the first one first: F1 tells of them all. F1 and F10 stay."""
_BLANKS = 3
"""Around a key and after its word."""


class KeyLine(Footer):
    """A footer that leaves out whole keys instead of cutting them."""

    def compose(self) -> ComposeResult:
        shown = [key for key in super().compose() if isinstance(key, FooterKey)]
        for unneeded in GIVEN_UP:
            if sum(map(_cells, shown)) > self.app.size.width:
                shown = [key for key in shown if key.key != unneeded]
        yield from shown

    def on_resize(self) -> None:
        self.call_after_refresh(self.recompose)


def _cells(key: FooterKey) -> int:
    return cell_len(key.key_display) + cell_len(key.description) + _BLANKS
