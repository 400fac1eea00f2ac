"""The screen as pictures, at both sizes that schools have. New ones: `pytest --snapshot-update`."""

from collections.abc import Awaitable, Callable, Iterator

import pytest
from textual.app import App
from textual.pilot import Pilot

from soro_edge import locale
from soro_edge.errors import EngineDied
from soro_edge.testing.scripted import ScriptedAnswer
from soro_edge.tui.screens.chat import ChatScreen
from tests.tui.desk import Desk

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
SAFE = set("─│┌┐└┘├┤┬┴┼═║█▌▐▀▄░▒▓←→↑↓▲▼●○•…—«»№√²³×÷≤≥≠≈π°")

Compare = Callable[..., bool]
Act = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    locale.use("en")
    yield


def asked(*answers: ScriptedAnswer | str, keys: tuple[str, ...] = ()) -> tuple[App[None], Act]:
    """A tutor that was asked one question for each answer, and then the keys."""
    desk = Desk(*answers)

    async def act(pilot: Pilot[None]) -> None:
        desk.pilot = pilot
        await desk.until(lambda: isinstance(pilot.app.screen, ChatScreen))
        await desk.until(lambda: desk.screen._store is not None)
        for number in range(len(answers)):
            await desk.ask(f"Саволи {number + 1}")
        await pilot.press(*keys)
        desk.prompt.cursor_blink = False
        await pilot.pause()

    return desk.app, act


@SIZES
def test_an_answer(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, act = asked("Душанбе **пойтахти** Тоҷикистон аст.")
    assert snap_compare(app, run_before=act, terminal_size=size)


@SIZES
def test_list_letters_and_a_lost_engine(snap_compare: Compare, size: tuple[int, int]) -> None:
    died = EngineDied(cause="SIGKILL", log="engine.log")
    app, act = asked(ScriptedAnswer(text="Ним", fails=died), keys=("f7", "f2"))
    assert snap_compare(app, run_before=act, terminal_size=size)


@SIZES
def test_help(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, act = asked(keys=("f1",))
    assert snap_compare(app, run_before=act, terminal_size=size)


def test_delete(snap_compare: Compare) -> None:
    app, act = asked("Салом", keys=("f8",))
    assert snap_compare(app, run_before=act, terminal_size=(80, 24))


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
