"""What the pupil writes is read while it is written, word by word; whole, where it may be sent next."""

import pytest

from soro_edge.engine.api import Prompt, Text
from soro_edge.tui.widgets import prompt
from tests.tui.desk import Desk


def question_of(prompt: Prompt) -> str:
    return "".join(part.text for part in prompt if isinstance(part, Text))


def is_whole(prompt: Prompt, question: str) -> bool:
    """Whether it is all that the model needs before its answer."""
    text = question_of(prompt)
    return question in text and not text.endswith(question)


def test_words_are_read_when_they_are_whole_and_a_pause_reads_all() -> None:
    desk = Desk()

    async def act() -> None:
        await desk.until(lambda: len(desk.engine.prepared) == 1)  # the system text, at the start
        desk.prompt.insert("чаро осм")
        await desk.until(lambda: question_of(desk.engine.prepared[-1]).endswith("чаро"))
        await desk.until(lambda: is_whole(desk.engine.prepared[-1], "чаро осм"))

    desk.run(act)


def test_the_end_of_a_sentence_is_read_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt, "PAUSE_SECONDS", 1000.0)
    desk = Desk()

    async def act() -> None:
        await desk.until(lambda: len(desk.engine.prepared) == 1)
        await desk.pilot.press("?")
        await desk.until(lambda: len(desk.engine.prepared) == 2)
        assert is_whole(desk.engine.prepared[-1], "?")

    desk.run(act)
