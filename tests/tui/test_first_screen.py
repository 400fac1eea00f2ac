"""The first screen: what the model can do, in the pupil's language, and questions to begin with."""

import pytest

from soro_edge import locale
from soro_edge.chat.messages import AnswerState
from soro_edge.learning.questions import examples
from soro_edge.tui.widgets.recall import Recall
from soro_edge.tui.widgets.transcript import Transcript
from soro_edge.tui.widgets.welcome import Example, about_languages
from tests.tui.desk import Desk

QUESTIONS = ["Ҳуҷайра чист?", "Суръат чист?", "Атом чист?"]


@pytest.mark.parametrize(
    ("language", "known", "said"),
    [
        ("en", ("en",), "cannot answer in Tajik: write to it in English"),
        ("tg", ("en",), "ба забони тоҷикӣ ҷавоб дода наметавонад: ба забони англисӣ нависед"),
        ("ru", ("en",), "по-русски, по-таджикски: пишите ей по-английски"),
        ("tg", ("tg", "ru"), "Ман ба забони тоҷикӣ, ба забони русӣ ҷавоб медиҳам."),
        ("tg", ("tg", "xx"), "xx"),
        ("tg", (), ""),
    ],
)
def test_it_says_which_languages_the_model_knows(
    language: str, known: tuple[str, ...], said: str
) -> None:
    locale.use(language)
    assert said in about_languages(known)
    assert bool(said) == bool(about_languages(known))


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_it_says_what_soro_can_and_cannot_do(language: str) -> None:
    locale.use(language)
    desk = Desk(languages=["en"], examples=QUESTIONS)
    words = {
        "tg": ("ёвари дарсҳо", "хато"),
        "ru": ("помощник", "ошибаться"),
        "en": ("helper", "wrong"),
    }

    async def act() -> None:
        await desk.pilot.pause()
        assert all(word in desk.lines() for word in words[language])
        assert "ёрдамчи" not in desk.lines()

    desk.run(act)


@pytest.mark.parametrize(("size", "least"), [((80, 24), 3), ((120, 40), 3), ((60, 20), 0)])
def test_whole_examples_are_shown_as_far_as_there_is_room(
    size: tuple[int, int], least: int
) -> None:
    desk = Desk(languages=["en"], examples=QUESTIONS)

    async def act() -> None:
        for _ in range(3):
            await desk.pilot.pause()
        transcript = desk.screen.query_one(Transcript)
        shown = [each for each in desk.screen.query(Example) if each.display]
        assert len(shown) >= least
        assert transcript.scroll_y == 0
        assert all(each.region.bottom <= transcript.region.bottom for each in shown)

    desk.run(act, size)


def test_down_and_a_click_write_an_example_and_nothing_typed_is_lost() -> None:
    desk = Desk(examples=QUESTIONS)

    async def act() -> None:
        await desk.pilot.press("down", "down")
        assert desk.prompt.text == QUESTIONS[1]
        await desk.pilot.press("up", "up")
        assert desk.prompt.text == ""
        await desk.pilot.click(desk.screen.query(Example).last())
        assert desk.prompt.text == QUESTIONS[2] and desk.prompt.has_focus
        await desk.pilot.press("а", "down")
        assert desk.prompt.text == QUESTIONS[2] + "а"
        await desk.pilot.click(desk.screen.query(Example).first())
        assert desk.prompt.text == QUESTIONS[2] + "а"

    desk.run(act)


def test_up_brings_the_last_question_which_can_be_changed_and_sent() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.ask("Якум")
        await desk.ask("Дуюм")
        await desk.pilot.press("up")
        assert desk.prompt.text == "Дуюм"
        await desk.pilot.press("up")
        assert desk.prompt.text == "Якум"
        await desk.pilot.press("down", "down")
        assert desk.prompt.text == ""
        await desk.pilot.press("up", "!", "up", "enter")
        await desk.until(lambda: "Дуюм!" in desk.lines() and not desk.screen._busy)
        await desk.pilot.press("f4", "up")
        assert desk.prompt.text == "Дуюм!"

    desk.run(act)


def test_recall_never_replaces_what_was_changed() -> None:
    recall = Recall()
    recall.set(["а", "б", "а"], ["мисол"])
    assert recall.step("", -1) == "а"
    assert recall.step("а", -1) == "б"
    assert recall.step("б", -1) is None
    assert recall.step("бв", 1) is None
    assert recall.step("", 1) == "мисол"
    assert recall.step("мисол", 1) is None


def test_examples_are_of_the_class_in_a_language_that_the_model_knows() -> None:
    assert examples(["xx"]) == []
    assert all("?" in text for text in examples(["en"]))
    fifth = examples(["tg"], school_class=5)
    assert "Исм чист? Се мисол нависед." in fifth and len(fifth) < len(examples(["tg"]))
    assert examples(["tg"], school_class=1) == examples(["tg"])
    assert examples(["tg"], begin=1)[0] == examples(["tg"])[1]


@pytest.mark.parametrize("state", [AnswerState.WRITING, None], ids=["half an answer", "no answer"])
def test_a_chat_that_a_power_cut_ended_is_offered_and_opened(state: AnswerState | None) -> None:
    desk = Desk()
    log = desk.store.new_conversation()
    log.add_question("Ҳуҷайра чист?")
    if state:
        log.write_answer(log.begin_answer(), "Ҳуҷайра воҳиди", state)

    async def act() -> None:
        await desk.until(lambda: "was interrupted: «Ҳуҷайра чист?»" in desk.lines())
        await desk.pilot.press("f5")
        await desk.until(lambda: "» Ҳуҷайра чист?" in desk.lines())
        await desk.pilot.press("f5")
        await desk.until(lambda: desk.answers() == ["Салом!"])
        await desk.pilot.press("f4")
        await desk.until(lambda: desk.answers() == [])
        assert "interrupted" not in desk.lines()

    desk.run(act)


def test_a_chat_that_came_to_its_end_is_not_offered() -> None:
    desk = Desk()
    log = desk.store.new_conversation()
    log.add_question("Ҳуҷайра чист?")
    log.write_answer(log.begin_answer(), "Воҳид", AnswerState.STOPPED)

    async def act() -> None:
        await desk.pilot.pause()
        await desk.pilot.press("f5")
        assert "interrupted" not in desk.lines() and desk.answers() == []

    desk.run(act)


def test_text_is_no_wider_than_can_be_read() -> None:
    desk = Desk("калима " * 100)

    async def act() -> None:
        await desk.ask("савол " * 60)
        await desk.pilot.pause()
        for line in desk.screen.query(".question, Answer"):
            assert line.size.width <= 92
        assert desk.prompt.size.width <= 92

    desk.run(act, (200, 50))
