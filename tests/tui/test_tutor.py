"""The tutor driven by its keys, on a ScriptedEngine and a real history."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from soro_edge.chat.messages import AnswerState
from soro_edge.chat.session import ChatOptions
from soro_edge.errors import EngineDied, SoroError
from soro_edge.history.store import History
from soro_edge.model_errors import NoModel
from soro_edge.testing.scripted import ScriptedAnswer, ScriptedEngine
from soro_edge.tui.app import TutorApp
from soro_edge.tui.screens.chat import ChatScreen
from soro_edge.tui.screens.help import HelpScreen, key_lines
from soro_edge.tui.services import TutorServices
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.prompt import TAJIK_LETTERS, Prompt
from soro_edge.tui.widgets.transcript import Answer, Transcript

Act = Callable[["Tutor"], Awaitable[None]]


class Tutor:
    """The running app, as a test uses it."""

    def __init__(self, pilot: Pilot[SoroError], history: History) -> None:
        self.pilot, self.history = pilot, history

    @property
    def screen(self) -> ChatScreen:
        screen = self.pilot.app.screen_stack[1]
        assert isinstance(screen, ChatScreen)
        return screen

    @property
    def prompt(self) -> Prompt:
        return self.screen.query_one(Prompt)

    async def settle(self) -> None:
        """Until no worker runs and no message waits."""
        for _ in range(100):
            await self.pilot.pause()
            if all(worker.is_finished for worker in self.pilot.app.workers):
                break
        await self.pilot.pause()

    async def ask(self, question: str, *, settle: bool = True) -> None:
        self.prompt.text = question
        await self.pilot.press("enter")
        if settle:
            await self.settle()

    def answers(self) -> list[str]:
        return [answer.text for answer in self.screen.query(Answer)]

    def lines(self) -> str:
        found = self.screen.query_one(Transcript).query(Static)
        return "\n".join(str(line.content) for line in found if line.display)

    def titles(self) -> list[str]:
        return [one.title for one in self.history.conversations()]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """Run an app at a size with scripted answers, and act on it."""

    def run_app(
        act: Act,
        *answers: ScriptedAnswer | str,
        size: tuple[int, int] = (80, 24),
        prepare_fails: SoroError | None = None,
    ) -> None:
        def prepare(_on_progress: Callable[[float], None]) -> None:
            if prepare_fails:
                raise prepare_fails

        async def session() -> None:
            history = History.open(tmp_path / "history.sqlite3")
            services = TutorServices(
                engine=ScriptedEngine(answers or ["Салом!"]),
                open_history=lambda: history,
                options=ChatOptions(),
                model_title="Scripted",
                prepare=prepare,
            )
            async with TutorApp(services=services).run_test(size=size) as pilot:
                tutor = Tutor(pilot, history)
                await tutor.settle()
                await act(tutor)
            history.close()

        asyncio.run(session())

    return run_app


def test_an_answer_streams_and_is_stored(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.ask("Пойтахти Тоҷикистон?")
        assert tutor.answers() == ["Душанбе **аст**."]
        (one,) = tutor.history.conversations()
        assert [m.text for m in tutor.history.messages(one.id)][1] == "Душанбе **аст**."
        assert tutor.prompt.text == ""

    run(act, "Душанбе **аст**.")


def test_ctrl_j_is_a_new_line_and_enter_sends_all_of_it(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.pilot.press("а", "ctrl+j", "б", "enter")
        await tutor.settle()
        (one,) = tutor.history.conversations()
        assert tutor.history.messages(one.id)[0].text == "а\nб"

    run(act)


def test_alt_gives_the_six_letters(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.pilot.press(*(f"alt+{letter}" for letter in TAJIK_LETTERS))
        assert tutor.prompt.text == "ғӣқӯҳҷҒӢҚӮҲҶ"

    run(act)


def test_esc_stops_and_the_part_is_kept(run: Callable[..., None]) -> None:
    gate = threading.Event()

    async def act(tutor: Tutor) -> None:
        await tutor.ask("Шумор", settle=False)
        while not tutor.answers() or not tutor.answers()[0]:
            await tutor.pilot.pause()
        await tutor.pilot.press("escape")
        gate.set()
        await tutor.settle()
        (one,) = tutor.history.conversations()
        answer = tutor.history.messages(one.id)[1]
        assert (answer.text, answer.state) == ("як", AnswerState.STOPPED)
        assert "The answer was stopped." in tutor.lines()

    run(act, ScriptedAnswer(text="як ду се", gate=gate))


def test_f5_answers_again(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.ask("Савол")
        await tutor.pilot.press("f5")
        await tutor.settle()
        assert tutor.answers() == ["дуюм"]

    run(act, "аввал", "дуюм")


def test_new_list_open_rename_delete(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.ask("Якум")
        await tutor.pilot.press("f4")
        await tutor.settle()
        assert tutor.answers() == []
        await tutor.ask("Дуюм")
        await tutor.pilot.press("f2", "down", "enter")
        await tutor.settle()
        assert "Якум" in tutor.lines()
        await tutor.pilot.press("f6", "home", "н", "enter")
        await tutor.settle()
        assert "нЯкум" in tutor.titles()
        await tutor.pilot.press("f8", "escape")
        assert len(tutor.titles()) == 2
        await tutor.pilot.press("f8", "enter")
        await tutor.settle()
        assert tutor.titles() == ["Дуюм"]

    run(act)


def test_search_folds_tajik_letters(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.ask("Ҳуҷайра чист")
        await tutor.pilot.press("f3", *"хучайра", "enter")
        await tutor.settle()
        view = tutor.screen.query_one(ConversationList)
        assert view.has_class("shown") and view.highlighted_id is not None

    run(act)


def test_a_lost_engine_is_shown_and_the_next_question_works(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.ask("Якум")
        assert "stopped in the middle" in tutor.lines() and tutor.answers() == ["ним"]
        await tutor.ask("Дуюм")
        assert tutor.answers()[-1] == "пурра"

    died = EngineDied(cause="SIGKILL")
    run(act, ScriptedAnswer(text="ним", fails=died), "пурра")


def test_a_missing_model_is_shown_with_its_hint(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        assert "no model named" in tutor.lines() and "soro models list" in tutor.lines()

    run(act, prepare_fails=NoModel(name="x"))


@pytest.mark.parametrize(("text", "told"), [("[1]", "was no answer"), ("", "was no answer")])
def test_an_empty_answer_says_what_to_do(run: Callable[..., None], text: str, told: str) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.ask("Савол")
        assert told in tutor.lines() and "F5" in tutor.lines()

    run(act, text)


def test_the_help_page_lists_every_key_and_closes(run: Callable[..., None]) -> None:
    async def act(tutor: Tutor) -> None:
        await tutor.pilot.press("f1")
        assert isinstance(tutor.pilot.app.screen, HelpScreen)
        listed = {key.lower() for key, _what in key_lines()}
        bound = {key for key in tutor.screen._bindings.key_to_bindings if key.startswith("f")}
        assert bound <= listed
        await tutor.pilot.press("escape")
        assert len(tutor.pilot.app.screen_stack) == 2

    run(act)


@pytest.mark.parametrize("size", [(80, 24), (100, 30)], ids=["80x24", "100x30"])
def test_the_screen_uses_only_letters_that_old_fonts_have(
    run: Callable[..., None], size: tuple[int, int]
) -> None:
    safe = set("─│┌┐└┘═║█▌▐▀▄░▒▓←→↑↓▲▼●○•…—«»№√²³×÷≤≥≠≈π°▁▔▎▏▊ ")

    async def act(tutor: Tutor) -> None:
        await tutor.ask("Савол")
        await tutor.pilot.press("f2")
        await tutor.pilot.pause()
        strips = tutor.pilot.app.screen._compositor.render_strips()
        shown = {letter for strip in strips for letter in strip.text}
        assert not {letter for letter in shown if not letter.isalnum() and ord(letter) > 126} - safe

    run(act, "**Як**\n\n- ду\n- се", size=size)
