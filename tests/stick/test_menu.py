"""One menu, two installations, a third program: who has the entry and the command. The real scripts run."""

import itertools
import os
import sys
from pathlib import Path

import pytest

from soro_edge.stick.menu import LinuxMenu, _starts
from tests.bundle.test_installers import Home

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the scripts are for Linux")


class Person(Home):
    """A home with a stick's installation too."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self.stick = self.folder / ".local/lib/soro-edge/soro"
        self.menu = LinuxMenu(program=self.stick, environ={"HOME": str(self.folder)})

    def put(self, which: str) -> None:
        if which == "bundle":
            self.install("1")
            return
        self.stick.parent.mkdir(parents=True, exist_ok=True)
        self.stick.write_text("#!/bin/sh\n")
        self.stick.chmod(0o755)
        assert self.menu.write() == self.entry

    def take(self, which: str) -> None:
        if which == "bundle":
            assert self.run("uninstall.sh").returncode == 0
            return
        self.stick.unlink()
        self.menu.remove()

    def started(self) -> Path | None:
        """What both start, which is there."""
        if not self.entry.exists():
            assert not self.command.is_symlink()
            return None
        program = self.command.readlink()
        assert _starts(program) in self.entry.read_text().splitlines() and os.access(
            program, os.X_OK
        )
        return program


@pytest.fixture(params=["home", 'Ҷамшед "50 %" `a` $b \\ б'])
def person(tmp_path: Path, request: pytest.FixtureRequest) -> Person:
    return Person(tmp_path, request.param)


BOTH = ("bundle", "stick")


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(BOTH)))
@pytest.mark.parametrize("leaves", BOTH)
def test_the_last_installed_is_started_and_the_one_that_stays_takes_over(
    person: Person, first: str, second: str, leaves: str
) -> None:
    program = {"bundle": person.program / "soro", "stick": person.stick}
    person.put(first)
    assert person.started() == program[first]
    person.put(second)
    assert person.started() == program[second]
    person.take(leaves)
    [stays] = set(BOTH) - {leaves}
    assert person.started() == program[stays]
    person.take(stays)
    assert person.started() is None


@pytest.mark.parametrize("living", [True, False])
def test_what_starts_a_third_program_stays_while_that_is_there(
    person: Person, tmp_path: Path, living: bool
) -> None:
    third = tmp_path / "third"
    for path in (person.entry, person.command):
        path.parent.mkdir(parents=True)
    person.entry.write_text(f'[Desktop Entry]\nExec="{third}"\n')
    person.command.symlink_to(third)
    if living:
        third.touch()
    assert (person.menu.write() is None) == living
    person.menu.remove()
    assert person.entry.exists() == person.command.is_symlink() == living
    person.entry.write_text("[Desktop Entry]\nExec=sh -c 'exec soro'\n")
    assert person.menu.write() is None, "no path, so nobody knows whether it lives"
