"""The one command for each build: `python packaging/build.py linux`, `windows` or `usb`.

Exit codes: 0 built; 1 a step failed; 3 this machine lacks something, or reaches no mirror that has Debian."""

import argparse
import os
import shutil
import subprocess
import sys

import linux_bundle
import windows_bundle
from sources import LACKS, ROOT, has_commit, step

LINUX = ROOT / "dist/linux/soro"
WINDOWS = ROOT / "dist/windows/soro"
INSTALLER = ROOT / "dist/windows/soro-setup.exe"
_FOR_ALL = {"git": "apt-get install git", "uv": "python3 -m pip install uv"}


def main() -> int:
    if os.name == "posix":
        # Where root's tools lie, after `su` too.
        os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    words, others = parser().parse_known_args()
    if others and words.what != "usb":
        parser().error(f"unrecognized arguments: {' '.join(others)}")
    missing = lacks(words.what)
    if missing:
        print(f"`{words.what}` cannot be built on this machine. It lacks:", file=sys.stderr)
        for name, remedy in missing.items():
            print(f"  {name}: {remedy}", file=sys.stderr)
        return LACKS
    if words.what == "usb":
        return make_stick([words.folder, *others])
    if not words.check:
        build(words.what)
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="packaging/build.py",
        description="Builds what pupils and teachers get, from the last commit.",
        epilog="Compiled parts are kept in packaging/build, or in the folder that SORO_BUILD_FOLDER names.",
    )
    commands = made.add_subparsers(dest="what", required=True, metavar="linux|windows|usb")
    for name, target in (("linux", LINUX), ("windows", WINDOWS)):
        command = commands.add_parser(name, help=str(target.relative_to(ROOT)))
        command.add_argument("--check", action="store_true", help="only tell what is lacking here")
    stick = commands.add_parser(
        "usb",
        help="a stick from both",
        epilog="Every other option goes to `soro usb make`: --model FILE, --bank FILE, --key FILE…",
    )
    stick.add_argument("folder", metavar="DIRECTORY", help="the stick")
    return made


def lacks(what: str) -> dict[str, str]:
    """What is missing, each with what to do about it."""
    if what == "usb":
        needed = {LINUX / "soro": "linux", WINDOWS / "soro.exe": "windows"}
        return {
            str(program.relative_to(ROOT)): f"python packaging/build.py {name}"
            for program, name in needed.items()
            if not program.exists()
        }
    found = {tool: remedy for tool, remedy in _FOR_ALL.items() if not shutil.which(tool)}
    if "git" not in found and not has_commit():
        found["a commit of your own"] = (
            f"build in a clone, or let git trust it: git config --global --add safe.directory {ROOT}"
        )
    return found | (linux_bundle.lacks() if what == "linux" else windows_bundle.lacks())


def build(what: str) -> None:
    with step(what):
        if what == "linux":
            LINUX.parent.mkdir(parents=True, exist_ok=True)
            linux_bundle.build(LINUX)
        else:
            WINDOWS.parent.mkdir(parents=True, exist_ok=True)
            windows_bundle.build(WINDOWS, INSTALLER)


def make_stick(words: list[str]) -> int:
    """By the program that the stick will hold; what is wrong with the words, `soro usb make` tells."""
    program = WINDOWS / "soro.exe" if os.name == "nt" else LINUX / "soro"
    bundles = ("--linux", str(LINUX), "--windows", str(WINDOWS))
    return subprocess.run([str(program), "usb", "make", *words, *bundles]).returncode


if __name__ == "__main__":
    sys.exit(main())
