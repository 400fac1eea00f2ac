"""The list of numbers that a double click opens: what a person types there, and what then happens."""

import sys
from pathlib import Path

import pytest

from soro_edge.commands import usb_start
from soro_edge.commands.usb_start import REMOVED_BY_STICK, _number
from soro_edge.paths import installation_folder
from soro_edge.stick.installed import Installation
from soro_edge.stick.menu import LinuxMenu
from tests.stick.calling import usb
from tests.stick.conftest import MakeStick


@pytest.mark.parametrize("typed", ["1", " 1\r\n", "1.", "№1)", "«1»", "１", "۱", "١", "рақами 1"])
def test_one_digit_of_any_keyboard_is_a_choice(typed: str) -> None:
    assert _number(typed) == "1"


@pytest.mark.parametrize("typed", ["", "\n", "11", "1 2", "як", "l", "ё", "²", "-", "\x00", "🙂"])
def test_anything_else_is_none(typed: str) -> None:
    assert _number(typed) == ""


@pytest.mark.parametrize("typed", ["", "\n", "ҳа\n", "\udcff\n", "10\n" * 3])
def test_the_end_of_the_input_leaves_and_nothing_typed_is_a_fault(
    make: MakeStick, typed: str
) -> None:
    code, told = usb("start", make(), given=typed)
    assert code == 0 and told.count("check the stick") == typed.count("\n") + 1
    assert told.count("Write one of the numbers") == typed.count("\n")


def test_ctrl_c_stops_what_is_done_and_leaves_the_list(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_all: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(usb_start, "run_check", interrupted)
    root = make()
    code, told = usb("start", root, given="3\n0\n")
    assert code == 130 and "Stopped." in told and told.count("check the stick") == 2
    monkeypatch.setattr(usb_start, "typed_line", interrupted)
    code, told = usb("start", root)
    assert code == 0 and told.count("check the stick") == 1


def test_removing_asks_first(make: MakeStick) -> None:
    root = make()
    assert "is not installed" in usb("start", root, given="6\n0\n")[1]
    assert usb("install", root, "--no-tune")[0] == 0
    for no in ("6\nне\n0\n", "6\n\n1\nне\n0\n", "6\n"):
        assert "Nothing was deleted." in usb("start", root, given=no)[1]
        assert Installation(installation_folder()).read()
    code, told = usb("start", root, given="6\nха\n0\n")
    assert code == 0 and "Deleted." in told and not installation_folder().exists()


@pytest.fixture
def installed(make: MakeStick, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stick; this process stands for the program that was installed from it."""
    root = make()
    assert usb("install", root, "--no-tune")[0] == 0
    own = Installation(installation_folder())
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(own.program(own.installed().current)))
    return root


def test_a_program_that_removed_itself_does_nothing_more(installed: Path) -> None:
    code, told = usb("start", installed, given="6\nҳа\n3\n0\n")
    assert code == 0 and told.count("check the stick") == 1
    assert not installation_folder().exists()


def test_on_windows_the_sticks_program_removes_what_runs(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the one that was signed, and only after the question."""
    monkeypatch.setattr(usb_start, "_DELETES_NOTHING_THAT_RUNS", True)
    assert usb("start", installed, given="6\nне\n0\n")[0] == 0
    assert usb("start", installed, given="6\nҳа\n")[0] == REMOVED_BY_STICK
    assert Installation(installation_folder()).read(), "the stick's program does it"
    lines = (installed / "START-WINDOWS.cmd").read_text().splitlines()
    [asked] = [number for number, line in enumerate(lines) if f'=="{REMOVED_BY_STICK}"' in line]
    assert "usb start" in lines[asked - 1] and "goto ended" in lines[asked]
    assert lines[asked + 2].endswith('windows\\soro\\soro.exe" usb remove --yes')
    (installed / "soro" / "linux" / "soro" / "soro").write_text("#!/bin/sh\necho forged\n")
    code, told = usb("start", installed, given="6\nҳа\n0\n")
    assert code == 10 and "is damaged" in told


def test_a_removal_that_was_cut_leaves_no_dead_entry(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SORO_HOME")
    assert usb("install", make(), "--no-tune")[0] == 0
    installation = Installation(installation_folder())
    menu = LinuxMenu(
        program=installation.folder / "soro", environ={"HOME": str(tmp_path / "person")}
    )
    entry = tmp_path / "person" / "share" / "applications" / "soro-edge.desktop"
    assert entry.exists() and menu.command.is_symlink()
    installation.pointer_file.unlink()
    assert usb("remove", "--yes")[0] == 10
    assert not entry.exists() and not menu.command.is_symlink()


@pytest.mark.parametrize("language", ["TJ", "RU", "EN"])
def test_the_readmes_tell_of_every_number(make: MakeStick, language: str) -> None:
    root = make()
    shown = {line.split()[0] for line in usb("start", root)[1].splitlines() if line[:2] == "  "}
    text = (root / f"README-{language}.txt").read_text("utf-8-sig").splitlines()
    told = {word.strip(",") for line in text if line[:1].isdigit() for word in line.split()[:2]}
    own = {"TJ": "7", "RU": "8", "EN": "9"}[language]
    assert len(shown) == 10 and shown - {own} <= told
