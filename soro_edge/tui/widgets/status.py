"""The status line: what goes on, words per second, how full the context window is, the model."""

from textual.widgets import Static

from soro_edge.locale import _

BAR_CELLS = 12


class StatusLine(Static):
    """One line of text, made anew from what is known."""

    def __init__(self, *, id: str, model: str) -> None:
        super().__init__(id=id, markup=False)
        self._model = model
        self._doing = ""
        self._speed = ""
        self._fullness = ""

    def doing(self, text: str, fraction: float | None = None) -> None:
        """What goes on now; with a bar where it is known how far it is."""
        bar = ""
        if fraction is not None:
            filled = int(fraction * BAR_CELLS)
            bar = f" {'█' * filled}{'░' * (BAR_CELLS - filled)} {fraction * 100:.0f} %"
        self._doing = f"{text}{bar}"
        self._show()

    def measured(self, *, words: int, seconds: float, context_used: float) -> None:
        """After an answer."""
        if seconds > 0:
            self._speed = _("{speed:.1f} words/s").format(speed=words / seconds)
        self._fullness = _("chat {percent:.0f} % full").format(percent=context_used * 100)

    def forget(self) -> None:
        """Another conversation: its speed and fullness are not known yet."""
        self._speed = self._fullness = ""
        self._show()

    def _show(self) -> None:
        parts = [self._doing, self._speed, self._fullness, self._model]
        self.update(" │ ".join(part for part in parts if part))
