"""Yes-or-no questions take the words of all three languages, and doubt is never a yes."""

import io
import sys

import pytest

from soro_edge import locale
from soro_edge.commands.confirm import confirm
from soro_edge.commands.history import delete
from soro_edge.commands.program import Program
from soro_edge.paths import find_paths
from soro_edge.settings import Settings


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    text = "".join(line + "\n" for line in lines)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize("language", locale.LANGUAGES)
@pytest.mark.parametrize(
    ("answers", "sure"), [("ҳа ҲА да Yes y", True), ("не НЕТ no n", False)], ids=["yes", "no"]
)
def test_the_words_of_every_language_are_taken(
    monkeypatch: pytest.MonkeyPatch, language: str, answers: str, sure: bool
) -> None:
    locale.use(language)
    for answer in answers.split():
        typed(monkeypatch, f" {answer} ")
        assert confirm("?") is sure


def test_another_word_is_asked_again_in_the_language_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    locale.use("tg")
    typed(monkeypatch, "шояд", "", "ҳа")
    assert confirm("Нест шавад?")
    told = capsys.readouterr().err
    assert told.count("Нест шавад? [ҳа/не]: ") == 3 and told.count("ҷавоб диҳед") == 2


def test_the_end_of_the_input_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(paths=find_paths(), settings=Settings(language="en"))
    history = program.history()
    log = history.new_conversation()
    log.add_question("Салом")
    history.close()
    for answers in ((), ("не",)):
        typed(monkeypatch, *answers)
        delete(program, 1, sure=False)
        assert "Nothing was deleted." in capsys.readouterr().err
    typed(monkeypatch, "ҳа")
    delete(program, 1, sure=False)
    assert "Deleted." in capsys.readouterr().err
