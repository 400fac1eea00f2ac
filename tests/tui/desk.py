"""Desk: the tutor on a MemoryStore and a ScriptedEngine, driven by keys, and what can be seen of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from soro_edge.chat.session import ChatOptions
from soro_edge.errors import SoroError
from soro_edge.testing.scripted import ScriptedAnswer, ScriptedEngine
from soro_edge.tui import app
from soro_edge.tui.app import TutorApp
from soro_edge.tui.screens.chat import ChatScreen
from soro_edge.tui.services import TutorServices
from soro_edge.tui.widgets.prompt import Prompt
from soro_edge.tui.widgets.status import StatusLine
from soro_edge.tui.widgets.transcript import Answer, Transcript
from tests.tui.memory_store import MemoryStore

STYLE = str(Path(app.__file__).with_name(TutorApp.CSS_PATH))
Prepare = Callable[[Callable[[float], None]], None]


def checked(_on_progress: Callable[[float], None]) -> None:
    """A model file that is in order."""


class HeldTutor(TutorApp):
    """The app; at its end it lets go what a test holds back."""

    CSS_PATH = STYLE

    def __init__(self, *, services: TutorServices) -> None:
        super().__init__(services=services)
        self.at_end: Callable[[], None] = lambda: None

    def on_unmount(self) -> None:
        self.at_end()


class Desk:
    """The app on a MemoryStore, and what can be seen of it."""

    def __init__(
        self,
        *answers: ScriptedAnswer | str,
        prepare: Prepare = checked,
        dark: bool = True,
        languages: Sequence[str] = (),
        examples: Sequence[str] = (),
    ) -> None:
        self.store = MemoryStore()
        self.opening_fails: SoroError | None = None
        self.engine = ScriptedEngine(answers or ["Салом!"])
        self.app = HeldTutor(
            services=TutorServices(
                engine=self.engine,
                open_history=self._open_history,
                options=ChatOptions(),
                model_title="Scripted",
                prepare=prepare,
                dark=dark,
                languages=languages,
                examples=examples,
            )
        )
        self.pilot: Pilot[SoroError]

    def _open_history(self) -> MemoryStore:
        if self.opening_fails:
            raise self.opening_fails
        return self.store

    def run(
        self,
        act: Callable[[], Awaitable[None]],
        size: tuple[int, int] = (80, 24),
        *,
        toasts: bool = False,
    ) -> None:
        async def session() -> None:
            async with self.app.run_test(size=size, notifications=toasts) as self.pilot:
                await self.until(lambda: len(self.app.screen_stack) > 1)
                if not self.opening_fails:
                    await self.until(lambda: self.screen._store is not None)
                await act()

        asyncio.run(session())

    @property
    def screen(self) -> ChatScreen:
        screen = self.app.screen_stack[1]
        assert isinstance(screen, ChatScreen)
        return screen

    @property
    def prompt(self) -> Prompt:
        return self.screen.query_one(Prompt)

    async def until(self, true: Callable[[], bool]) -> None:
        for _ in range(200):
            await self.pilot.pause()
            if true():
                return
        raise AssertionError("it never came true")

    async def ask(self, question: str) -> None:
        self.prompt.text = question
        await self.pilot.press("enter")
        await self.until(lambda: not self.screen._busy)

    async def ask_until(self, question: str, part: str) -> None:
        """Ask, and wait for this much of the answer."""
        self.prompt.text = question
        await self.pilot.press("enter")
        await self.until(lambda: self.answers() == [part])

    def lines(self) -> str:
        found = self.screen.query_one(Transcript).query(Static)
        return "\n".join(str(line.content) for line in found if line.display)

    def status(self) -> str:
        return str(self.screen.query_one(StatusLine).content)

    def answers(self) -> list[str]:
        return [answer.text for answer in self.screen.query(Answer)]
