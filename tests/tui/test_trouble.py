"""What the screen does when something fails, waits or is left: nothing typed or written is lost."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from textual import events
from textual.widgets import Static

from soro_edge.chat import rendering
from soro_edge.chat.messages import AnswerState
from soro_edge.errors import DiskFull, EngineDied, FolderNotWritable
from soro_edge.model_errors import ModelDamaged
from soro_edge.testing.scripted import GEMMA, ScriptedAnswer, ScriptedEngine
from soro_edge.tui.widgets.letters import TajikInput
from tests.tui.desk import Desk
from tests.tui.memory_store import told


def test_a_question_that_could_not_be_kept_goes_back_to_the_prompt() -> None:
    desk = Desk()

    async def act() -> None:
        desk.store.fails = DiskFull(path="history")
        await desk.ask("Савол")
        assert desk.prompt.text == "Савол"
        assert "disk is full" in desk.lines() and "» Савол" not in desk.lines()
        desk.store.fails = None
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.answers() == ["Салом!"])

    desk.run(act)


def test_a_history_that_does_not_open_is_told_and_tried_again_with_the_next_question() -> None:
    desk = Desk()
    desk.opening_fails = FolderNotWritable(path="home", reason="Permission denied")

    async def act() -> None:
        await desk.until(lambda: "Permission denied" in desk.lines())
        desk.prompt.text = "Савол"
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.lines().count("Permission denied") == 2)
        assert desk.prompt.text == "Савол"
        desk.opening_fails = None
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.answers() == ["Салом!"])
        await desk.pilot.press("f10")
        await desk.until(lambda: desk.store.closed)
        assert desk.app.return_value is None

    desk.run(act)


def test_the_trouble_that_is_left_outlives_the_screen() -> None:
    def refuse(_on_progress: Callable[[float], None]) -> None:
        raise ModelDamaged(path="m.gguf")

    desk = Desk(prepare=refuse)

    async def act() -> None:
        await desk.until(lambda: "file is damaged" in desk.lines())
        await desk.pilot.press("f10")
        await desk.until(lambda: isinstance(desk.app.return_value, ModelDamaged))

    desk.run(act)


def test_a_question_that_is_too_long_can_be_shortened() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("як " * 600)
        assert "too long" in desk.lines()
        assert desk.prompt.text == "як " * 600

    desk.run(act)


def test_a_failing_rename_and_delete_are_told_and_change_nothing() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        desk.store.fails = DiskFull(path="history")
        await desk.pilot.press("f6", "а", "enter")
        await desk.pilot.press("f8", "enter")
        await desk.pilot.pause()
        assert list(desk.store.titles.values()) == ["Якум"]
        assert desk.screen is desk.app.screen

    desk.run(act)


def test_a_question_asked_while_the_model_is_checked_is_answered_after() -> None:
    gate = threading.Event()

    def slow(on_progress: Callable[[float], None]) -> None:
        on_progress(0.5)
        gate.wait(timeout=5)

    desk = Desk(prepare=slow)

    async def act() -> None:
        desk.prompt.text = "Савол"
        await desk.pilot.press("enter")
        await desk.until(lambda: bool(desk.store.logs))
        assert told(desk.store.logs[1]) == [("Савол", "complete")]
        assert not desk.engine.requests
        gate.set()
        await desk.until(lambda: desk.answers() == ["Салом!"])

    desk.run(act)


def test_a_damaged_model_is_told_once_and_tried_again_with_the_next_question() -> None:
    tries: list[int] = []

    def fails_at_first(_on_progress: Callable[[float], None]) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ModelDamaged(path="m.gguf")

    desk = Desk(prepare=fails_at_first)

    async def act() -> None:
        await desk.until(lambda: "file is damaged" in desk.lines())
        assert desk.lines().count("file is damaged") == 1
        await desk.ask("Савол")
        assert desk.answers() == ["Салом!"]

    desk.run(act)


def test_f5_that_fails_leaves_the_earlier_answer() -> None:
    died = EngineDied(cause="SIGILL")
    desk = Desk("аввал", ScriptedAnswer(text="", fails=died), "дуюм")

    async def act() -> None:
        await desk.ask("Савол")
        await desk.pilot.press("f5")
        await desk.until(lambda: "stopped in the middle" in desk.lines() and not desk.screen._busy)
        assert desk.answers() == ["аввал"]
        assert told(desk.store.logs[1])[1] == ("аввал", "complete")
        await desk.pilot.press("f5")
        await desk.until(lambda: desk.answers() == ["дуюм"])
        assert "stopped in the middle" not in desk.lines()

    desk.run(act)


def test_an_unforeseen_error_in_the_worker_is_told_and_the_screen_goes_on() -> None:
    def bug(_on_progress: Callable[[float], None]) -> None:
        raise RuntimeError("a bug")

    desk = Desk(prepare=bug)

    async def act() -> None:
        await desk.until(lambda: "Something went wrong" in desk.lines())
        assert "error" in desk.status()

    desk.run(act)


@pytest.mark.parametrize("key", ["f10", "ctrl+q"])
def test_leaving_keeps_what_was_written(key: str) -> None:
    gate = threading.Event()
    desk = Desk(ScriptedAnswer(text="як ду се", gate=gate))

    async def act() -> None:
        await desk.ask_until("Шумор", "як")
        await desk.pilot.press(key)
        gate.set()
        await desk.until(lambda: desk.store.closed)
        assert told(desk.store.logs[1])[1] == ("як", "stopped")

    desk.run(act)


def test_ctrl_c_stops_an_answer_and_never_quits() -> None:
    gate = threading.Event()
    desk = Desk(ScriptedAnswer(text="як ду се", gate=gate))

    async def act() -> None:
        await desk.ask_until("Шумор", "як")
        await desk.pilot.press("ctrl+c")
        gate.set()
        await desk.until(lambda: "The answer was stopped." in desk.lines())
        await desk.pilot.press("ctrl+c")
        await desk.pilot.pause()
        assert not desk.store.closed

    desk.run(act)


def test_alt_letters_work_in_dialogs_too() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        await desk.pilot.press("f6", "end", "alt+х", "enter")
        await desk.until(lambda: desk.store.titles == {1: "Якумҳ"})

    desk.run(act)


def test_a_long_conversation_draws_its_end_and_the_rest_on_page_up() -> None:
    desk = Desk("Ҷавоб")

    async def act() -> None:
        log = desk.store.new_conversation()
        for number in range(40):
            log.add_question(f"Саволи {number}.")
            log.write_answer(log.begin_answer(), "Ҷавоб", AnswerState.COMPLETE)
        await desk.pilot.press("f2")
        desk.screen._fill_list()
        await desk.pilot.press("down", "enter")
        await desk.until(lambda: "Саволи 39." in desk.lines())
        assert "Саволи 0." not in desk.lines()
        for _ in range(25):
            await desk.pilot.press("pageup")
        assert "Саволи 0." in desk.lines()

    desk.run(act)


def test_a_paste_that_is_too_long_is_told_before_enter_and_stays_in_the_prompt_alone() -> None:
    desk = Desk()

    async def act() -> None:
        desk.app.post_message(events.Paste("як " * 600))
        await desk.until(lambda: "too long" in notice(desk))
        await desk.pilot.press("enter")
        await desk.pilot.pause()
        assert "як як" not in desk.lines() and not desk.store.logs
        assert desk.prompt.text == "як " * 600
        await desk.pilot.press("ctrl+a", "delete")
        await desk.until(lambda: "too long" not in notice(desk))
        await desk.ask("кӯтоҳ")
        assert desk.answers() == ["Салом!"]

    desk.run(act)


def test_a_paste_steers_no_terminal() -> None:
    desk = Desk()

    async def act() -> None:
        desk.app.post_message(events.Paste("а\x1b[2Jб\r\x1b]52;c;x\x07в\r\nг\u202eд\te"))
        await desk.until(lambda: bool(desk.prompt.text))
        assert desk.prompt.text == "а[2Jб\n]52;c;xв\nгд\te"
        await desk.pilot.press("f6", "f3")
        desk.app.post_message(events.Paste("\x1b[2Jном"))
        await desk.until(lambda: "ном" in desk.app.screen.query_one(TajikInput).value)
        assert desk.app.screen.query_one(TajikInput).value == "[2Jном"

    desk.run(act)


def test_a_paste_that_is_sent_at_once_is_not_stored_either() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("як " * 600)
        assert "of it fits" in desk.lines()
        assert "» як" not in desk.lines() and not desk.store.logs
        assert desk.prompt.text == "як " * 600

    desk.run(act)


def notice(desk: Desk) -> str:
    return str(desk.screen.query_one("#notice", Static).content)


def test_a_chat_template_that_hangs_keeps_nobody_from_leaving() -> None:
    """The tutor opens, and F10 ends it while the template still runs."""
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    desk = Desk()
    desk.engine = ScriptedEngine(info=replace(GEMMA, architecture="llama", chat_template=loops))
    desk.app.services = replace(desk.app.services, engine=desk.engine)

    async def act() -> None:
        until = time.monotonic() + 60
        while not rendering._running and time.monotonic() < until:
            await desk.pilot.pause(0.01)
        [child] = rendering._running
        await desk.pilot.press("f10")
        await desk.until(lambda: desk.store.closed)
        assert child.wait(30) < 0 and not rendering._running

    desk.run(act)
