"""What both builds share, without building: the rules, the licences, what is kept, what a machine lacks."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bundle.packaging import FOLDER, packaging

rules = packaging("finish_bundle")
sources = packaging("sources")
compare = packaging("compare")
build = packaging("build")
debian_root = packaging("debian_root")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What PyInstaller might leave."""
    folder = tmp_path / "made/soro"
    libraries = folder / "_internal/llama_cpp/lib"
    libraries.mkdir(parents=True)
    (libraries / "libggml-cpu-x64.so").write_bytes(b"\0")
    (folder / "soro").write_bytes(b"\0")
    (folder / "soro").chmod(0o755)
    return folder


def finish(made: Path, target: Path, epoch: str = "1000000000") -> Path:
    rules.finish(made, target, extra=[], epoch=epoch)
    return target


def test_a_finished_bundle_is_equal_to_another_of_the_same_commit(
    made: Path, tmp_path: Path
) -> None:
    one = finish(made, tmp_path / "one")
    other = finish(made, tmp_path / "other")
    assert list(compare.differences(one, other)) == []
    later = finish(made, tmp_path / "later", "1000000001")
    assert next(compare.differences(one, later)).endswith(": time")
    (other / "new").touch()
    (other / "VERSION").write_text("9\n")
    (other / "soro").chmod(0o644)
    told = [line.partition(": ")[::2] for line in compare.differences(one, other)]
    assert ("new", f"only in {other}") in told
    assert ("VERSION", "content") in told and ("soro", "right to run") in told


def test_a_bundle_that_breaks_a_rule_does_not_take_the_place_of_a_whole_one(
    made: Path, tmp_path: Path
) -> None:
    target = finish(made, tmp_path / "target")
    (made / "numpy").mkdir()
    with pytest.raises(SystemExit, match="numpy has no place"):
        finish(made, target)
    assert (target / "VERSION").exists() and not (target / "numpy").exists()


def test_names_that_are_one_to_fat32_are_a_fault(tmp_path: Path) -> None:
    for name in ("VCRUNTIME140.dll", "vcruntime140.dll", "vcruntime140_1.dll"):
        (tmp_path / name).write_bytes(b"")
    told = [fault for fault in rules.faults(tmp_path) if "FAT32" in fault]
    assert told == ["vcruntime140.dll and VCRUNTIME140.dll are one name to FAT32"]


def test_what_is_compiled_is_kept_until_its_recipe_changes(tmp_path: Path) -> None:
    made: list[str] = []
    stamp = tmp_path / "part.made"

    def make(recipe: str, work: Callable[[], None]) -> None:
        sources.make_once(stamp, recipe, work)

    make("first", lambda: made.append("first"))
    make("first", lambda: made.append("again"))
    make("second", lambda: made.append("second"))
    assert made == ["first", "second"]

    def cut() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make("third", cut)
    make("second", lambda: made.append("whole"))
    assert made == ["first", "second", "whole"]


def told(*words: str, path: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    """The command's answer on a machine without tools."""
    return subprocess.run(
        [sys.executable, str(FOLDER / "build.py"), *words],
        env={"PATH": path},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("what", ["linux", "windows"])
def test_a_machine_that_lacks_tools_is_told_which_and_how_to_get_them(what: str) -> None:
    for words in ((what,), (what, "--check")):
        done = told(*words)
        assert done.returncode == build.LACKS and "Traceback" not in done.stderr
        assert "  uv: python3 -m pip install uv" in done.stderr.splitlines()


def test_a_checkout_that_git_gives_no_commit_of_is_told_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git trusts none that belongs to somebody else: in a container the usual case."""
    assert not any("commit" in name for name in build.lacks("linux"))
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "a commit of your own" in build.lacks("linux")
    assert "a commit of your own" in build.lacks("windows")


UNSHARE = """#!/bin/sh
# Stands for every command in a root, and for a debootstrap that finds what the mirror's name says.
[ "$4" = debootstrap ] || exit 0
mkdir -p "$7/var/lib/apt/lists"
case $8 in
    none) exit 1 ;;
    cut) touch "$7/var/lib/apt/lists/debootstrap.invalid_dists_bullseye_InRelease"; exit 1 ;;
    *) echo "$8" >"$7/mirror" ;;
esac
"""


@pytest.mark.skipif(sys.platform == "win32", reason="roots are Linux's")
@pytest.mark.parametrize(
    ("mirrors", "ends", "taken"),
    [
        (("whole", "other"), None, "whole"),
        (("none", "whole"), None, "whole"),
        (("none", "none"), 3, ""),
        (("cut", "whole"), "The build ends: debootstrap gave 1.", ""),
    ],
)
def test_another_mirror_is_asked_where_the_first_has_no_such_debian(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mirrors: tuple[str, ...],
    ends: int | str | None,
    taken: str,
) -> None:
    """Where none has it this machine lacks something; a mirror that has it and fails is a fault."""
    (tmp_path / "unshare").write_text(UNSHARE)
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(debian_root, "MIRRORS", mirrors)
    root = debian_root.DebianRoot(folder=tmp_path / "root", release="bullseye", packages=())
    if ends is None:
        root.make()
        assert (root.folder / "mirror").read_text() == f"{taken}\n"
    else:
        with pytest.raises(SystemExit) as ended:
            root.make()
        assert ended.value.code == ends


@pytest.mark.parametrize("words", [(), ("mac",), ("linux", "--fast"), ("usb",)])
def test_wrong_words_are_one_sentence(words: tuple[str, ...]) -> None:
    done = told(*words)
    assert done.returncode == 2 and "build.py" in done.stderr and "Traceback" not in done.stderr


def test_a_stick_needs_both_bundles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "LINUX", tmp_path / "dist/linux/soro")
    monkeypatch.setattr(build, "WINDOWS", tmp_path / "dist/windows/soro")
    program = tmp_path / "dist/linux/soro/soro"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["build.py", "usb", "STICK", "--model", "M.gguf"])
    assert build.main() == build.LACKS
    assert (
        "dist/windows/soro/soro.exe: python packaging/build.py windows" in capsys.readouterr().err
    )
    (tmp_path / "dist/windows/soro").mkdir(parents=True)
    (tmp_path / "dist/windows/soro/soro.exe").touch()
    assert build.main() == 0
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:5] == ["usb", "make", "STICK", "--model", "M.gguf"]
    assert asked[5:] == ["--linux", str(build.LINUX), "--windows", str(build.WINDOWS)]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's filter is Linux's")
@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("socket.socketpair()", 0),
        ("socket.socket()", -31),
        ("socket.socket(socket.AF_UNIX)", -31),
        ("sys.exit(-subprocess.run([sys.executable, '-c', CHILD]).returncode)", 31),
    ],
)
def test_a_program_that_asks_for_a_socket_is_ended(code: str, ends: int) -> None:
    no_socket = str(Path(__file__).with_name("no_socket.py"))
    child = "import socket; socket.socket()"
    program = f"import socket, subprocess, sys; CHILD = {child!r}; {code}"
    done = subprocess.run([sys.executable, no_socket, sys.executable, "-c", program])
    assert done.returncode == ends


def distribution(folder: Path, name: str, package: str, licence: str) -> None:
    """An installed package of one module, with a licence."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "LICENSE").write_text(licence)
    (info / "RECORD").write_text(f"{package}.py,,\n{info.name}/LICENSE,,\n")


def test_licences_are_those_of_what_was_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path / "site", "taken", "taken_module", "May be used.")
    distribution(tmp_path / "site", "other", "other_module", "Not of interest.")
    (tmp_path / "libx.txt").write_text("A library's licence.")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    target = tmp_path / "LICENCES.txt"
    packaging("licences").write_licences(
        target, modules=["taken_module.part"], texts=[tmp_path / "libx.txt"]
    )
    text = target.read_text(encoding="utf-8")
    assert "taken 1.0" in text and "May be used." in text and "A library's licence." in text
    assert "Not of interest." not in text
