"""A root of one Debian release, made by debootstrap, in which commands run.

Does not know what is compiled there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sources import COMPILED_EPOCH, LACKS, run

MIRRORS = ("http://deb.debian.org/debian", "http://archive.debian.org/debian")
"""The second has the releases that have left the first."""

_IN_A_NAMESPACE = ("unshare", "--mount", "--propagation", "private")
_ENTER = """\
mount --bind /dev "$0/dev" || exit
while [ "$1" != -- ]; do
    mkdir -p "$0$2" && mount --bind "$1" "$0$2" || exit
    shift 2
done
shift
exec chroot "$0" "$@"
"""
_CLEAN = (
    "/usr/bin/env",
    "-i",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LC_ALL=C.UTF-8",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianRoot:
    """What lies in `folder`, or will."""

    folder: Path
    release: str
    """By its code name."""
    packages: tuple[str, ...]
    sources_of: str = ""
    """A newer release whose sources can be fetched, too; none where empty."""

    def make(self) -> None:
        """Anew. Ends the build, with LACKS where no mirror gives the release."""
        if not any(self._bootstrap(mirror) for mirror in MIRRORS):
            told = f"Debian's {self.release} cannot be fetched from {' or '.join(MIRRORS)}."
            print(f"{told} Is there a network?", file=sys.stderr)
            sys.exit(LACKS)
        if self.sources_of:
            newer = f"deb-src {MIRRORS[0]} {self.sources_of} main\n"
            (self.folder / "etc/apt/sources.list.d/newer.list").write_text(newer)
        self.run("apt-get", "-qq", "update")
        self.run("apt-get", "-qq", "install", "--no-install-recommends", *self.packages)

    def _bootstrap(self, mirror: str) -> bool:
        """Whether that mirror has the release; ends the build where it has, and yet it fails."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        # It tells of every package; what fails it says on the other stream.
        command = ("debootstrap", "--variant=minbase", self.release, str(self.folder), mirror)
        code = subprocess.call([*_IN_A_NAMESPACE, *command], stdout=subprocess.DEVNULL)
        # Its exit code is the same for every failure.
        if code and any(self.folder.glob("var/lib/apt/lists/*Release")):
            sys.exit(f"The build ends: debootstrap gave {code}.")
        return not code

    def run(
        self,
        *words: str,
        epoch: str = str(COMPILED_EPOCH),
        seen: Mapping[str, Path] | None = None,
    ) -> None:
        """A command in the root, with /dev and each folder of `seen`, under the path that is its key, in a
        mount namespace of its own: whatever ends the build, nothing stays mounted."""
        proxies = [
            f"{name}={value}" for name, value in os.environ.items() if name.endswith("_proxy")
        ]
        mounts = [word for path, folder in (seen or {}).items() for word in (folder, path)]
        run(
            *(*_IN_A_NAMESPACE, "sh", "-c", _ENTER, self.folder, *mounts, "--"),
            *(*_CLEAN, "DEBIAN_FRONTEND=noninteractive", f"SOURCE_DATE_EPOCH={epoch}", *proxies),
            *words,
        )


def lacks() -> dict[str, str]:
    """What is missing on this machine for such a root, each with what to do about it."""
    found = {}
    if os.geteuid():
        found["root"] = "run it as root: sudo python packaging/build.py linux"
    elif not shutil.which("unshare") or subprocess.call(
        [*_IN_A_NAMESPACE, "true"], stderr=subprocess.DEVNULL
    ):
        found["a mount namespace"] = "`unshare --mount true` must work: not so in this container"
    if not shutil.which("debootstrap"):
        found["debootstrap"] = "apt-get install debootstrap"
    return found
