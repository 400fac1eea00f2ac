"""What pupils write is read by their own account alone, whatever umask it has and whoever made the file."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.engine.states import StateStore, forget_conversations
from soro_edge.files import make_private
from soro_edge.history.store import History
from soro_edge.paths import Paths, keep_private

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")


def open_to_others(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder.parent))
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    )


def paths_in(home: Path) -> Paths:
    return Paths(data=home, config=home, logs=home / "logs", mode="SORO_HOME")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_history_is_private_from_its_first_byte_whatever_the_umask(
    tmp_path: Path, umask: int
) -> None:
    home = tmp_path / "home"
    before = os.umask(umask)
    try:
        with History.open(paths_in(home).history_file("Фарзона")) as history:
            log = history.new_conversation()
            log.add_question("Савол")
            assert open_to_others(home) == []  # also the write-ahead log, while it is there
            log.write_answer(log.begin_answer(), "Ҷавоб", AnswerState.COMPLETE)
            history.back_up_if_due()
            (second := history.new_conversation()).add_question("Дигар")
            history.delete(second.id or 0)
        states = StateStore(home / "states", binding="x", limit_bytes=1000)
        states.save([1, 2], bytearray(b"state"))
        forget_conversations(home / "states")
        assert open_to_others(home) == []
    finally:
        os.umask(before)


def test_what_a_command_writes_is_private(own_home: Path) -> None:
    home = own_home / "home"
    script = "import os, sys; os.umask(0); from soro_edge.cli import main; main()"
    for words in (("history", "list"), ("ask", "--max-tokens", "1", "--model", "none", "Савол")):
        subprocess.run(
            [sys.executable, "-c", script, *words],
            env={**os.environ, "SORO_HOME": str(home)},
            capture_output=True,
            check=False,
        )
    assert (home / "profiles").is_dir() and open_to_others(home) == []


def test_what_an_older_program_made_is_mended_at_the_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in (
        "profiles/default/history.sqlite3",
        "profiles/default/history.backup.sqlite3",
        "states/a.state",
        "logs/engine.log",
        "settings.toml",
        "tuning.json",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("x")
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o664)
    keep_private(paths_in(home))
    assert open_to_others(home) == []


def test_a_folder_with_other_things_and_what_a_link_leads_to_stay_as_they_are(
    tmp_path: Path,
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "profiles", elsewhere):
        folder.mkdir(parents=True)
    (home / "homework.txt").write_text("x")
    (elsewhere / "file").write_text("x")
    (home / "profiles" / "link").symlink_to(elsewhere)
    (home / "profiles" / "nowhere").symlink_to(tmp_path / "nowhere")
    for path in (home, elsewhere):
        path.chmod(0o755)
    keep_private(paths_in(home))
    assert open_to_others(home / "profiles") == []
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755
    make_private(tmp_path / "nothing")
