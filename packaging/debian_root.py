"""A root of one Debian release, made by debootstrap, in which commands run.

Does not know what is compiled there."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sources import COMPILED_EPOCH, run

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
        """Anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        # It tells of every package; what fails it says on the other stream.
        command = ("debootstrap", "--variant=minbase", self.release, self.folder)
        run(*_IN_A_NAMESPACE, *command, stdout=subprocess.DEVNULL)
        apt = self.folder / "etc/apt"
        if self.sources_of:
            binary = (apt / "sources.list").read_text()
            newer = binary.replace("deb ", "deb-src ", 1).replace(self.release, self.sources_of)
            (apt / "sources.list.d/newer.list").write_text(newer)
        self.run("apt-get", "-qq", "update")
        self.run("apt-get", "-qq", "install", "--no-install-recommends", *self.packages)

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
