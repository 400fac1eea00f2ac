"""dist/linux/soro: the program for Linux on any x86-64 processor with glibc 2.28 or newer.

Everything is compiled against Debian 11 by the scripts of packaging/linux, and kept."""

import os
import shutil
from pathlib import Path

import debian_root
from debian_root import DebianRoot
from finish_bundle import finish
from sources import (
    BUILD,
    LLAMA_FLAGS,
    ROOT,
    commit_epoch,
    commit_source,
    llama_source,
    make_once,
    make_site,
    step,
)

SCRIPTS = ROOT / "packaging/linux"
OLD = DebianRoot(
    folder=BUILD / "root",
    release="bullseye",
    packages=(
        "gcc", "libstdc++-10-dev", "make", "pkg-config", "xz-utils", "patch", "libffi-dev", "zlib1g-dev",
        "tcl", "libssl-dev", "libbz2-dev", "liblzma-dev", "uuid-dev", "libexpat1-dev", "binutils", "dpkg-dev",
    ),
    sources_of="bookworm",
)  # fmt: skip
"""Whose libraries everything is linked with, and where PyInstaller runs."""
INSIDE = OLD.folder / "build"
"""Inside the root it is /build."""
COMPILERS = DebianRoot(
    folder=BUILD / "compilers", release="bookworm", packages=("g++", "cmake", "ninja-build")
)
"""For llama.cpp: what Debian 11's compiler makes of it is slower (README.md has the measurement)."""
NEWER = ("python3.11", "sqlite3")
"""Debian 12's sources: with Debian's security fixes, and compiled here on the older glibc."""


def build(target: Path) -> None:
    make_once(BUILD / "root.made", f"{OLD} {NEWER}", _make_old)
    make_once(BUILD / "compilers.made", str(COMPILERS), COMPILERS.make)
    llama = llama_source(INSIDE / "llama")
    for script in (*SCRIPTS.glob("*.sh"), SCRIPTS / "old_glibc.h"):
        shutil.copy(script, INSIDE)
    _compile("sqlite")
    _compile("python")
    _compile("libraries", *LLAMA_FLAGS, source=llama)
    with step("program"):
        make_site(INSIDE / "site", "x86_64-manylinux_2_28", INSIDE / "llama")
        commit_source(INSIDE / "source")
        OLD.run("bash", "/build/build_program.sh", epoch=commit_epoch())
        finish(
            INSIDE / "dist/soro", target, extra=SCRIPTS.glob("bundle/*.sh"), epoch=commit_epoch()
        )


def _make_old() -> None:
    OLD.make()
    (INSIDE / "downloads").mkdir(parents=True)
    names = " ".join(f"{name}/{OLD.sources_of}" for name in NEWER)
    OLD.run("sh", "-c", f"cd /build/downloads && apt-get -qq source --download-only {names}")


def _compile(part: str, *flags: str, source: str = "") -> None:
    """By its script, which says where it runs and where the result lies."""
    script = SCRIPTS / f"build_{part}.sh"
    recipe = script.read_text() + (SCRIPTS / "old_glibc.h").read_text() + " ".join(flags) + source

    def compile_part() -> None:
        if part == "libraries":
            seen = {"/old": OLD.folder, "/build": INSIDE}
            COMPILERS.run("bash", f"/build/{script.name}", *flags, seen=seen)
        else:
            OLD.run("bash", f"/build/{script.name}", *flags)

    make_once(INSIDE / f"{part}.made", recipe, compile_part)


def lacks() -> dict[str, str]:
    """What is missing on this machine, each with what to do about it."""
    if os.name != "posix" or os.uname().machine != "x86_64":
        return {"Linux on x86-64": "build on such a machine"}
    found = debian_root.lacks()
    if not shutil.which("readelf"):
        found["readelf"] = "apt-get install binutils"
    return found
