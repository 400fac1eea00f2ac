"""TutorApp: builds the chat screen, and leaves in good order when told to by key or signal."""

import asyncio
import contextlib
import signal

from textual.app import App

from soro_edge.tui.screens.chat import ChatScreen
from soro_edge.tui.services import TutorServices


class TutorApp(App[None]):
    """The tutor in a terminal."""

    CSS_PATH = "tutor.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Soro"

    def __init__(self, *, services: TutorServices) -> None:
        super().__init__()
        self.services = services
        self.theme = "textual-dark" if services.dark else "textual-light"

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            # Windows has no SIGHUP, and its loop takes no handlers.
            with contextlib.suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), self._leave)
        self.push_screen(ChatScreen(self.services))

    def _leave(self) -> None:
        screen = self.screen_stack[1] if len(self.screen_stack) > 1 else None
        if isinstance(screen, ChatScreen):
            screen.leave()
        else:
            self.exit()
