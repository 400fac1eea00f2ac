"""dist/linux/soro: the program for Linux on any x86-64 processor with glibc 2.28 or newer.

Everything is compiled in a root of Debian 11 by the scripts of packaging/linux, and kept."""

import os
import shutil
import subprocess
from pathlib import Path

from finish_bundle import finish
from sources import (
    BUILD,
    COMPILED_EPOCH,
    LLAMA_FLAGS,
    ROOT,
    commit_epoch,
    commit_source,
    llama_source,
    make_once,
    make_site,
    run,
    step,
)

SCRIPTS = ROOT / "packaging/linux"
CHROOT = BUILD / "root"
INSIDE = CHROOT / "build"
"""Inside the root it is /build."""
PACKAGES = (
    "gcc", "g++", "make", "cmake", "ninja-build", "pkg-config", "xz-utils", "patch", "libffi-dev",
    "zlib1g-dev", "tcl", "libssl-dev", "libbz2-dev", "liblzma-dev", "uuid-dev", "libexpat1-dev",
    "binutils", "dpkg-dev",
)  # fmt: skip
NEWER = ("python3.11", "sqlite3")
"""Debian 12's sources: with Debian's security fixes, and compiled here on the older glibc."""
_IN_A_NAMESPACE = ("unshare", "--mount", "--propagation", "private")


def build(target: Path) -> None:
    make_once(BUILD / "root.made", f"bullseye {PACKAGES} {NEWER}", _make_root)
    # Debian 11's GCC 10 does not know AVX-VNNI: such processors take the variant for Haswell.
    llama_source(INSIDE / "llama", "alderlake")
    for script in (*SCRIPTS.glob("*.sh"), SCRIPTS / "old_glibc.h"):
        shutil.copy(script, INSIDE)
    _compile("sqlite")
    _compile("python")
    _compile("libraries", *LLAMA_FLAGS)
    with step("program"):
        make_site(INSIDE / "site", "x86_64-manylinux_2_28", INSIDE / "llama")
        commit_source(INSIDE / "source")
        _inside("bash", "/build/build_program.sh", epoch=commit_epoch())
        finish(
            INSIDE / "dist/soro", target, extra=SCRIPTS.glob("bundle/*.sh"), epoch=commit_epoch()
        )


def _make_root() -> None:
    shutil.rmtree(CHROOT, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    # It tells of every package; what fails it says on the other stream.
    command = ("debootstrap", "--variant=minbase", "bullseye", CHROOT)
    run(*_IN_A_NAMESPACE, *command, stdout=subprocess.DEVNULL)
    binary = (CHROOT / "etc/apt/sources.list").read_text()
    sources = binary.replace("deb ", "deb-src ", 1).replace("bullseye", "bookworm")
    (CHROOT / "etc/apt/sources.list.d/newer.list").write_text(sources)
    _inside("apt-get", "-qq", "update")
    _inside("apt-get", "-qq", "install", "--no-install-recommends", *PACKAGES)
    (INSIDE / "downloads").mkdir(parents=True)
    names = " ".join(f"{name}/bookworm" for name in NEWER)
    fetch = f"cd /build/downloads && apt-get -qq source --download-only {names}"
    _inside("sh", "-c", fetch)


def _compile(part: str, *flags: str) -> None:
    """By its script, which says where the result lies."""
    script = SCRIPTS / f"build_{part}.sh"
    recipe = script.read_text() + (SCRIPTS / "old_glibc.h").read_text() + " ".join(flags)
    command = ("bash", f"/build/{script.name}", *flags)
    make_once(INSIDE / f"{part}.made", recipe, lambda: _inside(*command))


def _inside(*words: str, epoch: str = str(COMPILED_EPOCH)) -> None:
    """A command in the root, with /dev in a mount namespace of its own: whatever ends the build, nothing
    stays mounted."""
    proxies = [f"{name}={value}" for name, value in os.environ.items() if name.endswith("_proxy")]
    run(
        *_IN_A_NAMESPACE,
        *("sh", "-c", 'mount --bind /dev "$0/dev" && exec chroot "$0" "$@"', CHROOT),
        *(
            "/usr/bin/env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/root",
            "LC_ALL=C.UTF-8",
        ),
        *("DEBIAN_FRONTEND=noninteractive", f"SOURCE_DATE_EPOCH={epoch}", *proxies),
        *words,
    )


def lacks() -> dict[str, str]:
    """What is missing on this machine, each with what to do about it."""
    found = {}
    if os.name != "posix" or os.uname().machine != "x86_64":
        return {"Linux on x86-64": "build on such a machine"}
    if os.geteuid():
        found["root"] = "run it as root: sudo python packaging/build.py linux"
    elif not shutil.which("unshare") or subprocess.call(
        [*_IN_A_NAMESPACE, "true"], stderr=subprocess.DEVNULL
    ):
        found["a mount namespace"] = "`unshare --mount true` must work: not so in this container"
    for tool, package in (("debootstrap", "debootstrap"), ("readelf", "binutils")):
        if not shutil.which(tool):
            found[tool] = f"apt-get install {package}"
    return found
