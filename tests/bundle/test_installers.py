"""packaging/linux/bundle: installing, updating and removing a stand-in bundle in a home of its own."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "packaging/linux/bundle"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the scripts are for Linux")

CUT = """#!/bin/sh
echo >> "$COUNT"
[ "$(wc -l < "$COUNT")" -ne "$CUT_AT" ] || { kill -KILL $PPID; exit 1; }
PATH=$REAL_PATH exec "${0##*/}" "$@"
"""
"""Stands for mv, rm, cp and ln; the script that calls dies before the command that CUT_AT counts."""


class Home:
    """One person's home, and the bundle that is installed there."""

    def __init__(self, folder: Path, name: str = "home $x") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.share = self.folder / ".local/share"
        self.program = self.share / "soro-edge-program"
        self.old = self.share / "soro-edge-program.old"
        self.entry = self.share / "applications/soro-edge.desktop"
        self.command = self.folder / ".local/bin/soro"
        self.bundle = folder / "bundle"

    def run(self, script: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **environ}
        return subprocess.run(
            ["sh", str(self.bundle / script)],
            input=given,
            capture_output=True,
            env=kept,
            encoding="utf-8",
        )

    def install(self, version: str) -> None:
        self.offer(version)
        assert self.run("install.sh").returncode == 0
        assert self.version() == version

    def offer(self, version: str) -> None:
        """The bundle is now of that version."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        shutil.copytree(SCRIPTS, self.bundle)
        (self.bundle / "_internal").mkdir()
        (self.bundle / "soro").write_text(f"#!/bin/sh\necho {version}\n")
        # A bundle on a stick may be in portable use itself: that work is not this person's.
        (self.bundle / "soro-data").mkdir()
        (self.bundle / "soro-data/other").touch()

    def version(self) -> str:
        return subprocess.check_output([self.program / "soro"], text=True).strip()

    def portable_work(self, text: str = "work") -> Path:
        folder = self.program / "soro-data"
        folder.mkdir()
        (folder / "history").write_text(text)
        return folder

    def works(self) -> list[str]:
        """All that pupils wrote, wherever it lies now."""
        return sorted(file.read_text() for file in self.share.glob("*/soro-data/history"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_an_update_keeps_what_pupils_wrote_beside_the_program(home: Home) -> None:
    home.install("1")
    assert not (home.program / "soro-data").exists()
    work = home.portable_work()
    home.install("2")
    assert (work / "history").read_text() == "work" and not home.old.exists()
    assert home.command.readlink() == home.program / "soro"
    assert f'Exec="{home.program}/soro"'.replace("$", r"\\$") in home.entry.read_text()


def test_the_program_updates_from_its_own_folder(home: Home) -> None:
    home.install("1")
    home.portable_work()
    home.bundle = home.program
    assert home.run("install.sh").returncode == 0
    assert home.version() == "1" and home.works() == ["work"]


def test_an_update_that_is_cut_anywhere_is_set_right_by_the_next(
    home: Home, tmp_path: Path
) -> None:
    cutters = tmp_path / "cutters"
    cutters.mkdir()
    for name in ("mv", "rm", "cp", "ln"):
        (cutters / name).write_text(CUT)
        (cutters / name).chmod(0o755)
    home.install("1")
    home.portable_work()
    for cut_at in itertools.count(1):
        home.offer(f"{cut_at}")
        count = tmp_path / f"count{cut_at}"
        path = os.environ["PATH"]
        names = {"COUNT": str(count), "CUT_AT": str(cut_at), "REAL_PATH": path}
        cut = home.run("install.sh", PATH=f"{cutters}:{path}", **names)
        assert home.works() == ["work"]
        if cut.returncode == 0:
            break
        home.offer(f"after {cut_at}")
        (home.bundle / "soro").write_text("#!/bin/sh\nexit 1\n")
        assert home.run("install.sh").returncode == 1
        assert home.version() in (f"{cut_at}", f"after {cut_at - 1}", "1"), "a whole one is back"
        home.install(f"after {cut_at}")
        assert (home.program / "soro-data/history").exists() and not home.old.exists()
    assert cut_at > 8


def test_two_works_are_never_made_one(home: Home) -> None:
    home.install("1")
    home.portable_work("first")
    home.program.rename(home.old)
    home.program.mkdir()
    home.portable_work("second")
    refused = home.run("install.sh")
    assert refused.returncode == 1 and str(home.old) in refused.stderr
    assert home.works() == ["first", "second"]


@pytest.mark.parametrize("answer", ["", "no\n", "y\n"])
def test_removing_keeps_the_work_beside_the_program(home: Home, answer: str) -> None:
    home.install("1")
    work = home.portable_work()
    shutil.copytree(home.program, home.old)
    done = home.run("uninstall.sh", answer)
    assert done.returncode == 0 and str(work) in done.stdout
    assert home.works() == ["work", "work"] and list(home.program.iterdir()) == [work]
    assert not home.command.is_symlink() and not home.entry.exists()
    shutil.rmtree(home.old)
    home.install("2")
    assert home.works() == ["work"]


def test_removing_deletes_the_work_where_yes_is_typed(home: Home) -> None:
    home.install("1")
    home.portable_work()
    (home.share / "soro-edge").mkdir()
    assert home.run("uninstall.sh", "yes\n").returncode == 0
    assert [left.name for left in home.share.iterdir()] == ["applications"]


def test_what_starts_a_third_program_stays(home: Home) -> None:
    third = home.folder / "third"
    third.touch()
    home.command.parent.mkdir(parents=True)
    home.command.symlink_to(third)
    home.entry.parent.mkdir(parents=True)
    entry = '[Desktop Entry]\nExec="/bin/sh"\n'
    home.entry.write_text(entry)
    home.offer("1")
    done = home.run("install.sh")
    assert done.returncode == 0
    assert str(home.command) in done.stderr and str(home.entry) in done.stderr
    assert home.run("uninstall.sh").returncode == 0
    assert home.command.readlink() == third and home.entry.read_text() == entry
    assert not home.program.exists()


def test_what_starts_nothing_any_more_is_nobodys(home: Home) -> None:
    home.command.parent.mkdir(parents=True)
    home.command.symlink_to("/nowhere/soro")
    home.entry.parent.mkdir(parents=True)
    home.entry.write_text('[Desktop Entry]\nExec="/nowhere/soro"\n')
    home.install("1")
    assert home.command.readlink() == home.program / "soro"
    assert "nowhere" not in home.entry.read_text()
