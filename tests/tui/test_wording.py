"""What pupils read holds no words that they cannot know, in any language."""

import re

import pytest

from soro_edge import locale
from soro_edge.chat.messages import AnswerState
from soro_edge.errors import DiskFull, EngineDied, EngineSilent, QuestionTooLong, SoroError
from soro_edge.model_errors import BadTemplate, ModelDamaged, ModelNotLoaded, NotEnoughMemory
from soro_edge.tui.screens.help import key_lines
from soro_edge.tui.widgets.answer import note_of
from soro_edge.tui.wording import in_plain_words, share_that_fits

JARGON = re.compile(r"токен|token|SIG[A-Z]+|SHA|\.log|SORO_|/home|ёрдамчи", re.IGNORECASE)
ERRORS: list[SoroError] = [
    EngineDied(cause="SIGKILL", log="/home/soro/engine.log"),
    EngineSilent(reason="SIGILL", log="/home/soro/engine.log"),
    ModelNotLoaded(reason="tensor token_embd", log="/home/soro/engine.log"),
    ModelDamaged(path="/home/soro/m.gguf"),
    NotEnoughMemory(need_mb=2900, free_mb=700),
    BadTemplate(reason="unknown tag"),
    DiskFull(path="/home/soro/history.sqlite3"),
    QuestionTooLong(have_tokens=900, room_tokens=400),
]


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_pupils_read_plain_words(language: str) -> None:
    locale.use(language)
    texts = [text for error in ERRORS for text in in_plain_words(error)]
    texts += [text for _key, text in key_lines()]
    texts += [note_of(state) for state in AnswerState]
    assert not [text for text in texts if JARGON.search(text)]


def test_to_stop_an_answer_is_said_as_at_school() -> None:
    locale.use("tg")
    assert ("Esc", "ҷавобро қатъ кардан") in key_lines()


@pytest.mark.parametrize(
    ("have", "room", "percent"), [(900, 400, 40), (500, 499, 90), (10000, 800, 8)]
)
def test_how_much_of_a_long_question_fits(have: int, room: int, percent: int) -> None:
    assert share_that_fits(QuestionTooLong(have_tokens=have, room_tokens=room)) == percent
