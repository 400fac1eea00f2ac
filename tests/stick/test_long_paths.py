"""Two hundred letters of Cyrillic with spaces before the stick, the program and what pupils write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soro_edge.history.store import History
from tests.bundle.test_installers import Home
from tests.stick.calling import usb
from tests.stick.conftest import MakeStick

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows has 259 for all of a path")
LETTERS = 200


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """SQLite takes 512 bytes for the whole path of a history, and Cyrillic letters have two each."""
    begin = tmp_path / "Мактаби миёнаи деҳаи Чорбоғ" / "Фирӯза Раҳимова"
    found = begin / ("қӯ ғ" * 50)[: LETTERS - len(str(begin)) - 1].rstrip()
    found.mkdir(parents=True)
    return found


def test_a_stick_and_an_installation(
    make: MakeStick, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = far
    monkeypatch.delenv("SORO_HOME")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
    root = make("1.0", 1, root=far / "флешкаи мактаб")
    environ = {**os.environ, "SORO_TERMINAL": "1"}

    def run(*words: object) -> str:
        done = subprocess.run(
            [*map(str, words)],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and not done.stderr
        return done.stdout.strip()

    assert run("sh", root / "start-linux.sh") == f"1.0 usb start {root}"
    assert usb("install", root, "--no-tune")[0] == 0
    data = home / ".local/share/soro-edge"
    with History.open(data / "profiles/default/history.sqlite3") as history:
        history.new_conversation().add_question("Пеш")
    assert usb("install", make("2.0", 2, root=root), "--no-tune")[0] == 0
    command = home / ".local/bin/soro"
    assert run(command, "ask", "x") == "2.0 ask x"
    assert run("sh", root / "start-linux.sh") == f"2.0 usb start {root}"
    assert (
        run(command.resolve().with_name("soro-back"))
        == f"1.0 usb back --to {command.resolve().parent}"
    )
    assert usb("back")[0] == 0 and run(command) == "1.0"
    assert usb("remove", "--yes")[0] == 0 and not command.is_symlink()
    with History.open(data / "profiles/default/history.sqlite3") as history:
        assert len(history.conversations()) == 1


def test_the_bundles_own_installer(far: Path) -> None:
    home = Home(far)
    home.install("1")
    home.install("2")
    assert subprocess.check_output([home.command], text=True) == "2\n"
    assert home.run("uninstall.sh").returncode == 0 and not home.program.exists()
