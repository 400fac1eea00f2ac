"""TutorApp: builds the chat screen, and leaves in good order when told to by key or signal."""

import asyncio
from functools import partial

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.notifications import SeverityLevel

from soro_edge.errors import Interrupted, SoroError
from soro_edge.tui.leaving import listen_for_signals
from soro_edge.tui.screens.chat import ChatScreen
from soro_edge.tui.services import TutorServices
from soro_edge.tui.themes import DARK, LIGHT
from soro_edge.tui.widgets.scrollbars import use_safe_scrollbars

ERROR_SECONDS = 8.0
"""What went wrong and what to do: two sentences take longer to read than one word."""


class TutorApp(App[SoroError]):
    """The tutor in a terminal. `run` returns the trouble that it was left with, if any."""

    CSS_PATH = "tutor.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Soro"
    NOTIFICATION_TIMEOUT = 3.0

    def __init__(self, *, services: TutorServices, typed: str = "") -> None:
        """`typed` is what was typed before the screen was there."""
        super().__init__()
        self._typed = typed
        use_safe_scrollbars()
        self.services = services
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = (DARK if services.dark else LIGHT).name

    def on_mount(self) -> None:
        screen = ChatScreen(self.services)
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            leave = partial(loop.call_soon_threadsafe, self._leave, Interrupted())
            listen_for_signals(leave, screen.abandon)
        self.push_screen(screen)
        self.call_after_refresh(self._type_what_was_typed)

    def _type_what_was_typed(self) -> None:
        for event in XTermParser().feed(self._typed):
            self.post_message(event)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """A sentence for a moment, in place of the one before it."""
        self.clear_notifications()
        # Textual leaves their holders, which push the next one down and out of its room.
        self.screen.query("ToastHolder").remove()
        if severity == "error":
            timeout = ERROR_SECONDS
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    async def action_quit(self) -> None:
        self._leave()

    def _leave(self, reason: SoroError | None = None) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                screen.leave(reason)
                return
        self.exit(reason)
