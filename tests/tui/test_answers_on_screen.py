"""What a model wrote is what is seen on the screen, at once and while it streams."""

import asyncio
from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult

from soro_edge.tui.widgets.markdown import AnswerMarkdown
from tests.markup.answers import SEEN, plain
from tests.tui.desk import Desk


class Page(App[None]):
    def compose(self) -> ComposeResult:
        yield AnswerMarkdown("")

    def seen(self) -> list[str]:
        return plain("\n".join(strip.text for strip in self.screen._compositor.render_strips()))


def on_a_page(act: Callable[[AnswerMarkdown, str], object]) -> dict[str, list[str]]:
    """What is seen of each answer of the table after `act` has shown it."""
    seen: dict[str, list[str]] = {}

    async def session() -> None:
        app = Page()
        async with app.run_test(size=(80, 24)) as pilot:
            view = app.query_one(AnswerMarkdown)
            for written in SEEN:
                await view.update("")
                await act(view, written)  # type: ignore[misc]
                await pilot.pause()
                seen[written] = app.seen()

    asyncio.run(session())
    return seen


EXPECTED = {written: plain(shown) for written, shown in SEEN.items()}


def test_an_answer_is_seen_as_it_was_written() -> None:
    assert on_a_page(lambda view, written: view.update(written)) == EXPECTED


def test_an_answer_that_streams_letter_by_letter_ends_the_same() -> None:
    async def stream(view: AnswerMarkdown, written: str) -> None:
        for letter in written:
            await view.append(letter)

    assert on_a_page(stream) == EXPECTED


@pytest.mark.parametrize(
    "part", ["\\(\\frac{1", "$$\nx = 5", "Ҷавоб: $x", "*нисфи", "```\nкод *а*"]
)
def test_half_an_answer_loses_nothing(part: str) -> None:
    async def session() -> None:
        app = Page()
        async with app.run_test(size=(80, 24)) as pilot:
            await app.query_one(AnswerMarkdown).append(part)
            await pilot.pause()
            assert "".join(app.seen()).replace(" ", "") == part.replace("```", "").replace(
                "\n", ""
            ).replace(" ", "")

    asyncio.run(session())


def test_f9_copies_the_source() -> None:
    written = r"Формула: \(\frac{1}{2}mv^2\), 6*7*8"
    desk = Desk(written)

    async def act() -> None:
        await desk.ask("Савол")
        await desk.pilot.press("f9")
        assert desk.app.clipboard == written

    desk.run(act)
