"""The list of chats, searching in it, deleting and bringing back."""

import threading
import time

import pytest
from textual.widgets._toast import Toast

from soro_edge.errors import FolderNotWritable
from soro_edge.testing.scripted import ScriptedAnswer
from soro_edge.tui.screens import library
from soro_edge.tui.widgets.conversations import ConversationList, short_date
from soro_edge.tui.widgets.transcript import Transcript
from tests.tui.desk import Desk


def toasts(desk: Desk) -> str:
    return " ".join(str(toast.render()) for toast in desk.screen.query(Toast))


def rows(desk: Desk) -> list[str]:
    view = desk.screen.query_one(ConversationList)
    return [str(view.get_option_at_index(at).prompt) for at in range(view.option_count)]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("f5", "nothing to answer again"),
        ("f6", "nothing to rename"),
        ("f8", "nothing to delete"),
        ("f9", "no answer to copy"),
        ("ctrl+z", "nothing to bring back"),
    ],
)
def test_a_key_that_can_do_nothing_says_why(key: str, told: str) -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.press(key)
        await desk.until(lambda: told in toasts(desk))
        assert len(desk.app.screen_stack) == 2

    desk.run(act, toasts=True)


@pytest.mark.parametrize("key", ["f3", "f4", "f5", "f6", "f8"])
def test_without_a_history_the_keys_say_why(key: str) -> None:
    desk = Desk()
    desk.opening_fails = FolderNotWritable(path="home", reason="Permission denied")

    async def act() -> None:
        await desk.until(lambda: "Permission denied" in desk.lines())
        await desk.pilot.press(key)
        await desk.until(lambda: "could not be opened" in toasts(desk))

    desk.run(act, toasts=True)


def test_a_new_chat_is_in_the_list_at_once_with_its_date() -> None:
    gate = threading.Event()
    desk = Desk(ScriptedAnswer(text="як ду", gate=gate))
    today = time.strftime("%H:")

    async def act() -> None:
        await desk.pilot.press("f2")
        assert rows(desk) == [rows(desk)[0]] and "new chat" in rows(desk)[0]
        assert rows(desk)[0].startswith("▌" + today) or time.strftime("%M") == "00"
        desk.prompt.focus()
        await desk.ask_until("Якум", "як")
        assert len(rows(desk)) == 1 and "Якум" in rows(desk)[0]
        gate.set()
        await desk.until(lambda: not desk.screen._busy)
        await desk.pilot.press("f4", "f2")
        assert "new chat" in rows(desk)[0] and "Якум" in rows(desk)[1]
        await desk.pilot.press("enter")  # the chat that is open already
        assert desk.prompt.has_focus and not desk.screen.query_one(ConversationList).display

    desk.app.at_end = gate.set
    desk.run(act)


def test_dates_are_short_and_odd_ones_do_no_harm() -> None:
    now = time.mktime((2026, 11, 30, 15, 0, 0, 0, 0, -1))
    assert short_date(now - 3600, now) == "14:00"
    assert short_date(now - 86400, now) == "29.11"
    assert short_date(now - 400 * 86400, now) == "26.10.25"
    for odd in (1e300, -1e300, float("inf"), float("nan")):
        assert short_date(odd, now) == "?"


def test_a_search_opens_at_the_hit_and_the_list_says_that_it_is_narrowed() -> None:
    desk = Desk("Ҷавоби дароз " * 60)

    async def act() -> None:
        for number in range(6):
            await desk.ask(f"Саволи {number} дар бораи об")
        await desk.pilot.press("f4")
        await desk.pilot.press("f3", *"Саволи 2", "enter")
        await desk.until(lambda: any("Found: 1" in row for row in rows(desk)))
        assert "Саволи 2" in rows(desk)[1].partition("\n")[2]
        await desk.pilot.press("enter")
        transcript = desk.screen.query_one(Transcript)
        await desk.until(lambda: bool(transcript.query(".hit")))
        await desk.pilot.pause()
        await desk.pilot.pause()
        hit = transcript.query(".hit").first()
        assert "Саволи 2" in str(hit.render()) and hit.region.y <= 1  # at the top

    desk.run(act, (80, 24))


def test_esc_ends_the_search_and_shows_all_chats() -> None:
    desk = Desk()

    async def act() -> None:
        for question in ("Якум", "Дуюм"):
            await desk.ask(question)
            await desk.pilot.press("f4")
        await desk.pilot.press("f3", *"Якум", "enter")
        await desk.until(lambda: len(rows(desk)) == 2)
        await desk.pilot.press("escape")
        await desk.until(lambda: len(rows(desk)) == 3)
        assert not any("Found" in row for row in rows(desk))
        assert desk.screen.query_one(ConversationList).display

    desk.run(act, (120, 30))


def test_an_answer_does_not_end_a_search() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        await desk.pilot.press("f3", *"Якум", "enter")
        await desk.until(lambda: "Found: 1" in rows(desk)[0])
        await desk.ask("Дуюм")
        assert "Found: 1" in rows(desk)[0]

    desk.run(act, (120, 30))


def test_a_search_without_a_hit_says_for_what() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        await desk.pilot.press("f3", *"нест", "enter")
        await desk.until(lambda: "Nothing was found for «нест»" in toasts(desk))

    desk.run(act, toasts=True)


def test_a_hit_in_a_long_chat_is_shown_with_what_follows() -> None:
    desk = Desk()
    log = desk.store.new_conversation()
    for number in range(100):
        log.add_question(f"Саволи {number}.")

    async def act() -> None:
        await desk.pilot.press("f3", *"Саволи 20.", "enter")
        await desk.until(lambda: bool(rows(desk)) and "Found: 1" in rows(desk)[0])
        await desk.pilot.press("enter")
        await desk.until(lambda: "Саволи 20." in desk.lines())
        assert "Саволи 99." not in desk.lines()
        for _ in range(40):
            await desk.pilot.press("pagedown")
        assert "Саволи 99." in desk.lines()
        await desk.ask("Охирин")
        assert desk.lines().index("Саволи 99.") < desk.lines().index("Охирин")

    desk.run(act)


def test_ctrl_z_brings_back_each_deleted_chat() -> None:
    desk = Desk()

    async def act() -> None:
        for question in ("Якум", "Дуюм"):
            await desk.ask(question)
            await desk.pilot.press("f8", "enter")
            await desk.until(lambda: desk.answers() == [])
        assert not desk.store.titles
        await desk.pilot.press("ctrl+z")
        await desk.until(lambda: "» Дуюм" in desk.lines())
        assert list(desk.store.titles.values()) == ["Дуюм"]
        await desk.pilot.press("ctrl+z")
        await desk.until(lambda: len(desk.store.titles) == 2)
        assert "» Дуюм" in desk.lines()  # the chat in use stays

    desk.run(act)


def test_ctrl_z_undoes_what_was_written_since() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        await desk.pilot.press("f8", "enter")
        await desk.until(lambda: desk.answers() == [])
        await desk.pilot.press("а", "ctrl+z")
        assert desk.prompt.text == "" and not desk.store.titles
        await desk.pilot.press("ctrl+z")
        await desk.until(lambda: list(desk.store.titles.values()) == ["Якум"])

    desk.run(act)


def test_after_a_minute_a_deleted_chat_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "UNDO_SECONDS", 0.01)
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        await desk.pilot.press("f8", "enter")
        await desk.until(lambda: desk.answers() == [] and not desk.store.trashed)
        await desk.pilot.press("ctrl+z")
        await desk.until(lambda: "more than a minute ago" in toasts(desk))

    desk.run(act, toasts=True)


def test_a_very_long_title_takes_one_line() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Саволи хеле дароз " * 20)
        await desk.pilot.press("f2")
        await desk.pilot.pause()
        view = desk.screen.query_one(ConversationList)
        assert view.virtual_size.height == view.option_count

    desk.run(act)
