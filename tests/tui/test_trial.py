"""What pupils stumbled over when they tried the screen: each a law now."""

import pytest
from textual.widgets import Static
from textual.widgets._footer import FooterKey
from textual.widgets._toast import Toast

from soro_edge import locale
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.prompt import Prompt
from tests.tui.desk import Desk


def notice(desk: Desk) -> str:
    return str(desk.screen.query_one("#notice", Static).content)


@pytest.mark.parametrize("size", [(80, 24), (120, 30)])
def test_the_first_screen_tells_of_the_prompt_not_of_the_list(size: tuple[int, int]) -> None:
    desk = Desk()

    async def act() -> None:
        await desk.pilot.pause()
        assert isinstance(desk.screen.focused, Prompt)
        assert "mistakes" in notice(desk)
        desk.screen.query_one(ConversationList).focus()
        if size == (80, 24):
            await desk.pilot.press("f2")
        await desk.until(lambda: "F2: close" in notice(desk))
        await desk.pilot.press("escape")
        await desk.until(lambda: "mistakes" in notice(desk))

    desk.run(act, size=size)


@pytest.mark.parametrize("quit_key", ["f10", "ctrl+q"])
@pytest.mark.parametrize("key", ["f1", "f3", "f6", "f8"])
def test_the_keys_that_quit_do_so_everywhere(key: str, quit_key: str) -> None:
    desk = Desk()
    left = False

    async def act() -> None:
        nonlocal left
        await desk.ask("Якум")
        await desk.pilot.press(key)
        assert len(desk.app.screen_stack) == 3
        await desk.pilot.press(quit_key)
        await desk.until(lambda: desk.screen._leaving)
        left = True

    desk.run(act)
    assert left


@pytest.mark.parametrize("keys", [("f4",), ("f8", "enter")], ids=["new", "delete"])
def test_an_empty_chat_is_not_full(keys: tuple[str, ...]) -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        assert "full" in desk.status()
        await desk.pilot.press(*keys)
        await desk.until(lambda: desk.answers() == [])
        await desk.until(lambda: "full" not in desk.status())
        assert "words/s" not in desk.status() and "Scripted" in desk.status()

    desk.run(act)


@pytest.mark.parametrize("size", [(80, 24), (100, 30)])
def test_the_list_closes_by_esc_and_by_f2_from_anywhere(size: tuple[int, int]) -> None:
    desk = Desk()

    async def act() -> None:
        view = desk.screen.query_one(ConversationList)
        if view.has_class("shown"):
            await desk.pilot.press("f2")
            assert not view.has_class("shown")
        await desk.pilot.press("f2")
        assert view.has_class("shown") and view.has_focus
        await desk.pilot.press("escape")
        assert not view.has_class("shown") and desk.prompt.has_focus
        await desk.pilot.press("f2")
        desk.prompt.focus()
        await desk.pilot.press("f2")
        assert not view.has_class("shown") and desk.prompt.has_focus

    desk.run(act, size=size)


def test_one_toast_at_a_time_and_never_over_the_prompt() -> None:
    desk = Desk()

    async def act() -> None:
        for _ in range(3):
            await desk.pilot.press("enter")  # the question is empty
        await desk.until(lambda: len(desk.screen.query(Toast)) == 1)
        await desk.pilot.pause()
        (toast,) = desk.screen.query(Toast)
        assert toast.region.y == 0 and toast.region.bottom <= 3 and toast.region.right >= 78
        assert toast._timeout <= 3

    desk.run(act, toasts=True)


@pytest.mark.parametrize("language", locale.LANGUAGES)
@pytest.mark.parametrize("columns", [40, 60, 80])
def test_no_key_is_cut_and_the_needed_ones_stay(language: str, columns: int) -> None:
    locale.use(language)
    desk = Desk()

    async def act() -> None:
        await desk.until(lambda: len(desk.screen.query(FooterKey)) > 1)
        await desk.pilot.pause()
        keys = {key.key: key.region for key in desk.screen.query(FooterKey)}
        assert {"f1", "f10"} <= set(keys)
        assert all(region.width and region.right <= columns for region in keys.values())
        if columns == 80:
            assert len(keys) == 6

    desk.run(act, size=(columns, 24))


def test_the_keys_come_back_when_the_window_grows() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.until(lambda: len(desk.screen.query(FooterKey)) > 1)
        assert len(desk.screen.query(FooterKey)) < 6
        await desk.pilot.resize_terminal(90, 24)
        await desk.until(lambda: len(desk.screen.query(FooterKey)) == 6)

    desk.run(act, size=(40, 24))


def test_a_list_that_a_narrow_window_hides_does_not_keep_the_keys() -> None:
    desk = Desk()

    async def act() -> None:
        desk.screen.query_one(ConversationList).focus()
        await desk.until(lambda: "F2: close" in notice(desk))
        await desk.pilot.resize_terminal(80, 24)
        await desk.until(lambda: "mistakes" in notice(desk) and desk.prompt.has_focus)

    desk.run(act, size=(120, 30))


def test_the_lists_keys_are_not_told_even_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    update = Static.update

    def recorded(self: Static, content: str = "", *, layout: bool = True) -> None:
        told.append(str(content))
        update(self, content, layout=layout)

    monkeypatch.setattr(Static, "update", recorded)
    desk = Desk()

    async def act() -> None:
        await desk.until(lambda: "mistakes" in notice(desk))

    desk.run(act)
    assert any("mistakes" in line for line in told)
    assert not [line for line in told if "F2: close" in line]


def test_a_refused_question_can_be_deleted_whole_and_a_new_chat_is_ready() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        desk.prompt.text = "калима " * 2000
        await desk.pilot.press("enter")
        await desk.until(lambda: "error" in desk.status())
        assert desk.prompt.text
        await desk.pilot.press("f4")
        await desk.until(lambda: "ready" in desk.status())
        await desk.pilot.press("ctrl+a", "delete")
        await desk.until(lambda: desk.prompt.text == "")

    desk.run(act)


@pytest.mark.parametrize(("key", "written"), [("н", "н"), ("alt+х", "ҳ")])
def test_a_new_name_replaces_the_old_one(key: str, written: str) -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Саволи якуми хеле дароз")
        await desk.pilot.press("f6", key, "enter")
        await desk.until(lambda: len(desk.app.screen_stack) == 2)
        assert [one.title for one in desk.store.conversations()] == [written]

    desk.run(act)


@pytest.mark.parametrize("columns", (40, 60))
def test_a_toast_shows_all_its_words(columns: int) -> None:
    desk = Desk()

    async def act() -> None:
        for length in (22, 23, 24, 36, 38, 42, 50):
            words = [str(number) for number in range(10, 10 + length // 3)]
            words.append("!" * (length % 3) + "end")
            desk.app.notify(" ".join(words))
            await desk.until(lambda: len(desk.screen.query(Toast)) == 1)
            await desk.pilot.pause()
            lines = [strip.text for strip in desk.app.screen._compositor.render_strips()]
            shown = " ".join(line.partition("▌")[2] for line in lines[:4])
            assert shown.split() == words

    desk.run(act, (columns, 20), toasts=True)


def toasts(desk: Desk) -> str:
    return " ".join(str(toast.render()) for toast in desk.screen.query(Toast))


def test_copying_tells_what_was_copied() -> None:
    desk = Desk("Якум", "Дуюм")

    async def act() -> None:
        await desk.pilot.press("f9")
        await desk.until(lambda: "no answer to copy" in toasts(desk))
        await desk.ask("Савол")
        await desk.ask("Савол")
        await desk.pilot.press("f9")
        await desk.until(lambda: "last answer was copied" in toasts(desk))
        assert desk.app.clipboard == "Дуюм"

    desk.run(act, toasts=True)


def test_what_another_window_did_is_seen_in_the_list_and_told() -> None:
    desk = Desk()

    async def act() -> None:
        for question in ("Якум", "Дуюм"):
            await desk.ask(question)
            await desk.pilot.press("f4")
        desk.store.titles[7] = "Аз равзанаи дигар"
        await desk.pilot.press("f2")
        view = desk.screen.query_one(ConversationList)
        assert view.title_of(7) and view.title_of(1)
        del desk.store.titles[1]
        view.highlighted = view.option_count - 1
        await desk.pilot.press("enter")
        await desk.until(lambda: "deleted in another window" in toasts(desk))
        assert not view.title_of(1)

    desk.run(act, toasts=True)


def test_deleting_what_another_window_deleted_begins_a_new_chat() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        desk.store.titles.clear()
        await desk.pilot.press("f8", "enter")
        await desk.until(lambda: desk.answers() == [])
        await desk.ask("Дуюм")
        assert desk.answers() == ["Салом!"]

    desk.run(act)
