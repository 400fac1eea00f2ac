"""`soro history list` and `export`: what is written where, and that no file is lost by a slip."""

import json
import os
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.history.store import History
from tests.cli.test_commands import soro

LONG = "Чаро осмон кабуд аст, дарё сабз мешавад ва барф дар зимистон сафед меборад?"


@pytest.fixture
def file(own_home: Path) -> Path:
    path = own_home / "profiles" / "Фарзона" / "history.sqlite3"
    with History.open(path) as history:
        for question in (LONG, "Ду карат ду?"):
            log = history.new_conversation()
            log.add_question(question)
            log.write_answer(log.begin_answer(), "Ҷавоб", AnswerState.COMPLETE)
    return path


def exported(*words: str) -> tuple[int, str, str]:
    done = soro("--language", "en", "--profile", "Фарзона", "history", "export", *words)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.usefixtures("file")
def test_export_says_what_it_wrote_and_names_the_pupil_and_the_whole_title(tmp_path: Path) -> None:
    target = tmp_path / "ҷавобҳо.html"
    code, out, told = exported("1", "--format", "html", "--output", str(target))
    assert (code, out) == (0, "")
    assert told == f"Written: {target} (conversations: 1, messages: 2)\n"
    page = target.read_text(encoding="utf-8")
    assert f"<h1>{LONG}</h1>" in page and "Фарзона" in page
    assert "Нозанин" in exported("1", "--pupil", "Нозанин")[1]


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("form", ["md", "txt", "html"])
def test_all_conversations_go_into_one_document_the_oldest_first(form: str) -> None:
    code, out, _told = exported("--all", "--format", form)
    assert code == 0 and 0 <= out.index(LONG[:20]) < out.index("Ду карат ду")
    assert exported("--all", "1")[0] == exported()[0] == 2


def test_a_file_that_exists_is_replaced_only_by_force(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "homework.md"
    target.write_text("my homework")
    code, _out, told = exported("1", "--output", str(target))
    assert code == 6 and "--force" in told and target.read_text() == "my homework"
    assert exported("1", "--output", str(target), "--force")[0] == 0
    assert LONG[:20] in target.read_text(encoding="utf-8")
    before = file.read_bytes()
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "link folder").symlink_to(file.parent)
    for ours in (file, tmp_path / "link", tmp_path / "link folder" / "new.md"):
        code, _out, told = exported("1", "--output", str(ours), "--force")
        assert code == 6 and "own data" in told
    assert file.read_bytes() == before and not (file.parent / "new.md").exists()


@pytest.mark.usefixtures("file")
def test_a_wrong_output_is_told_with_what_helps(tmp_path: Path) -> None:
    for target in (tmp_path / "no such" / "x.md", tmp_path, tmp_path / ("x" * 300)):
        code, _out, told = exported("1", "--output", str(target))
        assert code == 6 and str(target) in told
        assert "Name another file" in told and "SORO_HOME" not in told
    assert exported("1", "--output", os.devnull)[0] == 0


@pytest.mark.usefixtures("file")
def test_the_list_for_programs(tmp_path: Path) -> None:
    done = soro("--profile", "Фарзона", "history", "list", "--json")
    rows = json.loads(done.stdout)
    assert [row["id"] for row in rows] == [2, 1]
    assert rows[0]["title"] == "Ду карат ду?" and rows[0]["messages"] == 2
    assert rows[0]["updated"].endswith("+00:00")
    assert soro("history", "list", "--json").stdout.strip() == b"[]"
