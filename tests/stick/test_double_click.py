"""What a double click and the menu start: launchers, entries, and who hands over to whom."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soro_edge.paths import installation_folder
from soro_edge.stick.installed import Installation, Pointer
from soro_edge.stick.installing import locked
from soro_edge.stick.launchers import Launchers
from soro_edge.stick.menu import LinuxMenu
from soro_edge.stick.signing import make_key
from tests.stick.calling import usb
from tests.stick.conftest import GB, MakeStick


def test_launchers_and_menu_entries_of_both_systems(tmp_path: Path) -> None:
    installation = Installation(tmp_path / 'Soro "50 %" $HOME')
    installation.folder.mkdir()
    installation.point_to(Pointer(current="2.0-ab", previous="1.0-cd", release=2, key="00"))
    environ = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "d"),
        "APPDATA": str(tmp_path),
    }
    for windows in (True, False):
        launchers = Launchers(installation, windows=windows)
        launchers.write()
        entry = launchers.write_menu(environ)
        assert entry is not None and entry.exists()
        if windows:
            content = launchers.program.read_bytes()
            assert content.isascii() and content.count(b"\n") == content.count(b"\r\n")
        else:
            command = tmp_path / ".local" / "bin" / "soro"
            assert command.readlink() == launchers.program
            assert '\\\\"50 %%\\\\" \\\\$HOME' in entry.read_text()
        launchers.remove_menu(environ)
        assert not entry.exists()
    assert not command.is_symlink()
    command.write_text("another program")
    launchers.write_menu(environ)
    assert command.read_text() == "another program"


def test_the_double_click_hands_over_to_what_is_installed_where_that_starts(
    make: MakeStick, tmp_path: Path
) -> None:
    root = make("1.0")
    command, environ = ["sh", str(root / "start-linux.sh")], {**os.environ, "SORO_TERMINAL": "1"}

    def click_on_it() -> str:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        return done.stdout.strip()

    assert click_on_it() == f"1.0 usb start {root}"
    installed = tmp_path / "person" / ".local" / "lib" / "soro-edge" / "soro"
    installed.parent.mkdir(parents=True)
    installed.write_text('#!/bin/sh\necho "installed $*"\n')
    installed.chmod(0o755)
    assert click_on_it() == f"installed usb start {root}"
    installed.write_text("#!/bin/sh\nexit 1\n")
    assert click_on_it() == f"1.0 usb start {root}"


def test_the_windows_double_click_quotes_every_path(make: MakeStick) -> None:
    start = (make() / "START-WINDOWS.cmd").read_text()
    assert 'set "SORO_STICK=%~dp0"' in start
    for line in start.splitlines():
        assert "SORO_HERE%" not in line or '"%SORO_HERE%"' in line
    assert start.index('call "%SORO_HERE%" usb start') < start.index("soro.exe")


def test_from_the_stick_only_what_was_signed_runs(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = make()
    ran: list[list[str]] = []

    class Ended:
        returncode = 0

    def run(command: list[str], **_all: object) -> Ended:
        ran.append(command)
        return Ended()

    assert usb("install", root, "--no-tune")[0] == 0
    own = Installation(installation_folder())
    monkeypatch.setattr("soro_edge.commands.usb_start.subprocess.run", run)
    monkeypatch.setattr("soro_edge.commands.usb_start.total_memory_bytes", lambda: 4 * GB)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(own.program(own.installed().current)))
    assert usb("start", root, given="2\n0\n")[0] == 0
    assert ran == [[str(root / "soro" / "linux" / "soro" / "soro")]]
    make_key(tmp_path / "other.key", "")
    other = make("2.0", 2, signed_by=tmp_path / "other.key")
    code, told = usb("start", other, given="2\n0\n")
    assert code == 10 and "from other people" in told
    words = root / "soro" / "soro-models" / "large.toml"
    for changed in (words, root / "soro" / "linux" / "soro" / "_internal" / "data" / "3.bin"):
        content = changed.read_bytes()
        changed.write_bytes(content + b"#")
        code, told = usb("start", root, given="2\n0\n")
        assert code == 10 and f"is damaged: {changed.relative_to(root).as_posix()}" in told
        changed.write_bytes(content)
    # The stick's own program compares the model's manifest too.
    monkeypatch.setattr(sys, "executable", ran[0][0])
    words.write_bytes(words.read_bytes() + b"#")
    assert usb("start", root, given="2\n0\n")[0] == 10
    assert len(ran) == 1


def test_removing_what_was_tried_out_leaves_the_persons_menu(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = LinuxMenu(program=tmp_path, environ=os.environ).entry
    entry.parent.mkdir(parents=True)
    entry.write_text("of another installation")
    assert usb("install", make(), "--no-tune")[0] == 0
    assert usb("remove", "--yes")[0] == 0
    assert entry.read_text() == "of another installation"
    # The person's own, where no SORO_HOME is named: with its entry, and not while it is busy.
    monkeypatch.delenv("SORO_HOME")
    assert usb("install", make(), "--no-tune")[0] == 0
    assert entry.read_text() != "of another installation"
    with locked(Installation(installation_folder())):
        assert usb("remove", "--yes")[0] == 10
    assert entry.exists()
    assert usb("remove", "--yes")[0] == 0
    assert not entry.exists() and not installation_folder().exists()


def test_the_windows_entry_is_ascii_for_a_cyrillic_name_and_sets_the_code_page_elsewhere(
    tmp_path: Path,
) -> None:
    """cmd.exe reads a batch file in the console's code page."""
    local = tmp_path / "Ҷамшед" / "AppData" / "Local"
    environ = {"LOCALAPPDATA": str(local), "APPDATA": str(tmp_path)}
    usual = Launchers(Installation(local / "Programs" / "soro-edge"), windows=True)
    entry = usual.write_menu(environ)
    assert entry is not None and entry.read_bytes().isascii()
    assert b'call "%LOCALAPPDATA%\\Programs\\soro-edge\\soro.cmd" %*\r\n' in entry.read_bytes()
    other = Launchers(Installation(tmp_path / "Сурӯ 50 %"), windows=True)
    other.write_menu(environ)
    lines = entry.read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if "Сурӯ 50 %%" in line)
    assert any(line.startswith("chcp 65001") for line in lines[:begin])
