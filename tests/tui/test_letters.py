"""The row of Tajik letters: one key a letter, and typing goes on in the question."""

import pytest
from textual import events
from textual.widgets._footer import FooterKey

from soro_edge import locale
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.letters import ROW_KEYS, LetterRow, begins_a_sentence
from tests.tui.desk import Desk


def row(desk: Desk) -> LetterRow:
    return desk.screen.query_one(LetterRow)


def test_each_key_of_the_row_writes_its_letter() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press("f7", "а", *ROW_KEYS)
        assert desk.prompt.text == "ағӣқӯҳҷ"

    desk.run(act)


def test_typing_goes_on_in_the_question_while_the_row_is_open() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press("f7", "а", "б", "f1", "backspace", "1", "+", "2", "left", "f2")
        assert desk.prompt.text == "аб1+ӣ2"
        desk.app.post_message(events.Paste("матн"))
        await desk.pilot.pause()
        assert desk.prompt.text == "аб1+ӣматн2"
        await desk.pilot.press("ctrl+j", "ctrl+a", "delete")
        assert desk.prompt.text == ""
        await desk.pilot.press("х", "enter")
        await desk.until(lambda: desk.answers() == ["Салом!"])
        assert row(desk).display

    desk.run(act)


def test_a_letter_replaces_what_is_selected() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press("а", "б", "ctrl+a", "f7", "f5", "ctrl+a", "alt+у")
        assert desk.prompt.text == "ӯ"

    desk.run(act)


def test_a_sentence_begins_with_a_capital_and_f8_changes_the_case_once() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press("f7", "f5", "f5", "f8", "f5", "f5")
        assert desk.prompt.text == "ҲҳҲҳ"
        await desk.pilot.press("ctrl+a", "delete", "f8")
        assert not row(desk).capitals
        await desk.pilot.press("f6")
        assert desk.prompt.text == "ҷ"
        assert len(desk.app.screen_stack) == 2  # F8 did not ask about deleting

    desk.run(act)


@pytest.mark.parametrize(
    ("before", "capital"),
    [
        ("", True),
        ("Салом. ", True),
        ("Салом", False),
        ("Салом.", False),
        ("як\n", True),
        ("1,", False),
    ],
)
def test_where_a_sentence_begins(before: str, capital: bool) -> None:
    assert begins_a_sentence(before) == capital


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_the_mouse_picks_from_the_row_and_the_question_keeps_the_focus(columns: int) -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press("f7", "а")
        await desk.pilot.pause()
        shown = row(desk).render_line(0).text
        assert all(f"{key.upper()} {letter}" in shown for key, letter in ROW_KEYS.items())
        for letter in ROW_KEYS.values():
            await desk.pilot.click(LetterRow, offset=(shown.index(letter), 0))
        await desk.pilot.press("б")
        assert desk.prompt.text == "ағӣқӯҳҷб" and desk.prompt.has_focus

    desk.run(act, (columns, 20))


def test_beside_the_list_on_a_narrow_screen_all_letters_can_be_seen() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Савол")
        await desk.pilot.press("f2", "f7", "а")
        assert desk.prompt.text == "а"
        await desk.pilot.pause()
        assert all(letter in row(desk).render_line(0).text for letter in "ғӣқӯҳҷ")

    desk.run(act, (80, 20))


@pytest.mark.parametrize("closing", ["f7", "escape"])
def test_a_closed_row_gives_the_keys_back(closing: str) -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press("f7", closing)
        assert not row(desk).display and desk.prompt.has_focus
        await desk.pilot.press("f1")
        assert len(desk.app.screen_stack) == 3

    desk.run(act)


def test_the_list_closes_the_row_whose_keys_it_needs() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Савол")
        await desk.pilot.press("f7")
        desk.screen.query_one(ConversationList).focus()
        await desk.until(lambda: not row(desk).display)
        await desk.pilot.press("f6")
        assert len(desk.app.screen_stack) == 3  # a new name, not a letter

    desk.run(act, (120, 30))


def test_the_row_stays_through_a_resize() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press("f7", "а")
        for columns in (40, 120, 60):
            await desk.pilot.resize_terminal(columns, 20)
            await desk.pilot.pause()
            assert "ҷ" in row(desk).render_line(0).text
        await desk.pilot.press("f6")
        assert desk.prompt.text == "аҷ"

    desk.run(act, (80, 24))


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_f7_is_named_at_60_columns(language: str) -> None:
    locale.use(language)
    desk = Desk()

    async def act() -> None:
        await desk.until(lambda: len(desk.screen.query(FooterKey)) > 1)
        assert "f7" in {key.key for key in desk.screen.query(FooterKey)}
        await desk.pilot.press("f7")
        await desk.until(lambda: "f2" not in {key.key for key in desk.screen.query(FooterKey)})

    desk.run(act, (60, 20))
