"""What tests do with an installation: run it, go back, look whether it is whole."""

import hashlib
import subprocess
from pathlib import Path

from soro_edge.stick.going_back import go_back
from soro_edge.stick.installed import Facts, Installation
from soro_edge.stick.installing import Order
from soro_edge.stick.launchers import Launchers
from soro_edge.stick.manifest import Group


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


def run(installation: Installation, *words: str, back: bool = False) -> str:
    launchers = Launchers(installation)
    program = launchers.back if back else launchers.program
    return subprocess.run([program, *words], capture_output=True, text=True).stdout.strip()


def back(installation: Installation, data: Path) -> Facts:
    return go_back(installation, data, lambda path: None)


def whole(installation: Installation, order: Order) -> bool:
    """Whether all that the pointer promises is there, byte for byte."""
    pointer = installation.installed()
    folder = installation.version(pointer.current)
    return all(
        hashlib.sha256((folder / file.target).read_bytes()).hexdigest() == file.sha256
        for file in order.stick.manifest.files
        if file.group in (Group.LINUX, Group.BANK) or file.model == "large"
    )


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
