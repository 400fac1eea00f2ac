"""The screen as pictures, at both sizes that schools have. New ones: `pytest --snapshot-update`.

What moves or differs between computers is held still: the cursor does not blink, the answers are scripted,
answers that stream wait at a gate.
"""

import threading
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App
from textual.pilot import Pilot

from soro_edge import locale
from soro_edge.errors import EngineDied, SoroError
from soro_edge.model_errors import NotEnoughMemory
from soro_edge.testing.scripted import ScriptedAnswer
from soro_edge.tui.screens.chat import ChatScreen
from soro_edge.tui.widgets import conversations
from soro_edge.tui.work import Loading
from tests.tui.desk import Desk, Prepare, checked

SIZES = pytest.mark.parametrize("size", [(80, 24), (100, 30)], ids=["80x24", "100x30"])
ANSWER = """**Ҳуҷайра** воҳиди асосии ҳаёт аст:

- мембрана
  - берунӣ
    - дарунӣ
- ядро

| Номи | Кор |
|---|---|
| ядро | идора |

> Иқтибос

1. як
2. ду

---

`a = 1`"""
EXAMPLES = [
    "Ҳуҷайра чист?",
    "Суръат чист?",
    "Атом аз чӣ иборат аст?",
    "Пойтахти Тоҷикистон кадом аст?",
]
SAFE = set("─│┌┐└┘├┤┬┴┼═║█▌▐▀▄░▒▓←→↑↓▲▼●○•…—«»№√²³×÷≤≥≠≈π°")

Compare = Callable[..., bool]
Act = Callable[[Pilot[SoroError]], Awaitable[None]]
Picture = tuple[App[SoroError], Act]


@pytest.fixture(autouse=True)
def in_tajik(monkeypatch: pytest.MonkeyPatch) -> None:
    """And on one day, at one time."""
    locale.use("tg")
    monkeypatch.setattr(conversations, "short_date", lambda when, now: "08:30")


def asked(
    *answers: ScriptedAnswer | str,
    keys: tuple[str, ...] = (),
    prepare: Prepare = checked,
    dark: bool = True,
) -> Picture:
    """A tutor that was asked one question for each answer, and then the keys."""
    desk = Desk(*answers, prepare=prepare, dark=dark, languages=["tg", "ru"], examples=EXAMPLES)

    async def act(pilot: Pilot[SoroError]) -> None:
        desk.pilot = pilot
        await desk.until(lambda: isinstance(pilot.app.screen, ChatScreen))
        await desk.until(lambda: desk.screen._store is not None)
        await desk.until(lambda: desk.status().startswith((_ready(), _error())))
        for number in range(len(answers)):
            await desk.ask(f"Саволи {number + 1}")
        await pilot.press(*keys)
        await still(desk)

    return desk.app, act


def _ready() -> str:
    return locale._("ready")


def _error() -> str:
    return locale._("error")


async def still(desk: Desk) -> None:
    desk.prompt.cursor_blink = False
    await desk.pilot.pause()
    await desk.pilot.pause()


@SIZES
def test_the_first_screen(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, act = asked()
    assert snap_compare(app, run_before=act, terminal_size=size)


def test_the_first_screen_in_light_colours(snap_compare: Compare) -> None:
    app, act = asked(dark=False)
    assert snap_compare(app, run_before=act, terminal_size=(80, 24))


@SIZES
def test_loading(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, act = asked()

    async def loading(pilot: Pilot[SoroError]) -> None:
        await act(pilot)
        pilot.app.screen.post_message(Loading(0.4))
        await pilot.pause()

    assert snap_compare(app, run_before=loading, terminal_size=size)


@SIZES
def test_an_answer_that_streams(snap_compare: Compare, size: tuple[int, int]) -> None:
    gate = threading.Event()
    desk = Desk(ScriptedAnswer(text="Душанбе **пойтахт", gate=gate))

    async def act(pilot: Pilot[SoroError]) -> None:
        desk.pilot = pilot
        await desk.until(lambda: len(pilot.app.screen_stack) > 1)
        await desk.until(lambda: desk.status().startswith(_ready()))
        await desk.ask_until("Пойтахти Тоҷикистон кадом шаҳр аст?", "Душанбе")
        await still(desk)

    desk.app.at_end = gate.set
    assert snap_compare(desk.app, run_before=act, terminal_size=size)


@SIZES
def test_an_answer_in_markdown(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, act = asked(ANSWER)
    assert snap_compare(app, run_before=act, terminal_size=size)


@SIZES
@pytest.mark.parametrize(
    "key", ["f1", "f2", "f3", "f6", "f7", "f8"], ids=lambda key: f"{key} pressed"
)
def test_after_a_key(snap_compare: Compare, size: tuple[int, int], key: str) -> None:
    """Help, list, search, rename, row of letters, delete."""
    app, act = asked("Якум ҷавоб.", "Дуюм ҷавоб.", keys=(key,))
    assert snap_compare(app, run_before=act, terminal_size=size)


@SIZES
def test_a_lost_engine(snap_compare: Compare, size: tuple[int, int]) -> None:
    died = EngineDied(cause="SIGKILL")
    app, act = asked(ScriptedAnswer(text="Ним", fails=died))
    assert snap_compare(app, run_before=act, terminal_size=size)


@SIZES
def test_too_little_memory(snap_compare: Compare, size: tuple[int, int]) -> None:
    def refuse(_on_progress: Callable[[float], None]) -> None:
        raise NotEnoughMemory(need_mb=2900, free_mb=700)

    app, act = asked(prepare=refuse)
    assert snap_compare(app, run_before=act, terminal_size=size)


@SIZES
def test_every_character_is_in_old_fonts(size: tuple[int, int]) -> None:
    desk = Desk(ANSWER)

    async def act() -> None:
        await desk.ask("Савол")
        shown = seen()
        for keys in (("pageup",), ("f2",), ("f7",), ("f6",), ("escape", "f8"), ("escape", "f1")):
            await desk.pilot.press(*keys)
            await desk.pilot.pause()
            shown |= seen()
        odd = {letter for letter in shown if ord(letter) > 126 and not letter.isalnum()}
        assert not odd - SAFE

    def seen() -> set[str]:
        strips = desk.app.screen._compositor.render_strips()
        return {letter for strip in strips for letter in strip.text}

    desk.run(act, size=size)
