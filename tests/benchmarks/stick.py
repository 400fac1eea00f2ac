"""Installing from a stick against `cp` and `sync` of the same bytes, pair by pair.

Run: uv run python -m tests.benchmarks.stick [MEGABYTES] [PAIRS] [STICK]. STICK is a folder on a real
stick or a mounted FAT32 image (one that is a stick already is taken as it is); without it both sides
share a disk, and its speed hides nothing of what hashing costs. Both start as processes of their own and
read what no memory holds any more. The program on the stick answers at once: what a model takes for its
first answer is no copying.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from soro_edge.stick.making import make_stick
from soro_edge.stick.manifest import Group
from soro_edge.stick.planning import StickOptions
from soro_edge.stick.signing import make_key, sign
from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3

SMALL_FILES = 800
SMALL_BYTES = 60_000_000
"""As a bundle has them."""
PROGRAM = """#!/bin/sh
[ "$1 $2" = "usb facts" ] && echo '{"history_steps": 2}' || echo "Душанбе"
"""


def make(folder: Path, root: Path, megabytes: int) -> Path:
    """A stick in `root` with a model of so many megabytes."""
    bundle = folder / "bundle"
    inside = bundle / "_internal"
    inside.mkdir(parents=True)
    for number in range(SMALL_FILES):
        (inside / f"{number}.bin").write_bytes(os.urandom(SMALL_BYTES // SMALL_FILES))
    (bundle / "VERSION").write_text("1.0\n")
    (bundle / "soro").write_text(PROGRAM)
    (bundle / "soro").chmod(0o755)
    model = write_tiny_gemma3(folder / "model.gguf")
    with model.open("ab") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))
    make_key(folder / "maker.key", "")
    options = StickOptions(root=root, bundles={Group.LINUX: bundle}, models=[model], banks=[])
    make_stick(options, lambda text: sign(text, folder / "maker.key", ""), lambda *_all: None)
    return root


def forget(folder: Path) -> None:
    """Take the stick's files out of the memory, so that they are read."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def seconds(stick: Path, command: list[str]) -> tuple[float, float]:
    """Of the clock, and of the processor in this command alone."""
    forget(stick)
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    spent, after = time.perf_counter() - began, os.times()
    busy = after.children_user + after.children_system
    return spent, busy - before.children_user - before.children_system


def main() -> None:
    given = [int(word) for word in sys.argv[1:3]]
    megabytes, pairs = (*given, *(600, 5)[len(given) :])
    folder = Path(tempfile.mkdtemp())
    root = Path(sys.argv[3]) if len(sys.argv) > 3 else folder / "stick"
    try:
        made = (root / "soro" / "manifest.json").exists()
        stick, target = root if made else make(folder, root, megabytes), folder / "target"
        ours = [sys.executable, "-m", "soro_edge.cli", "usb", "install", str(stick)]
        ours += ["--to", str(target), "--no-tune"]
        theirs = ["sh", "-c", f"cp -R '{stick}/soro' '{target}' && sync"]
        ratios = []
        for pair in range(pairs):
            taken = {}
            # In turn first and second: what the disk still does weighs on both alike.
            for name, command in [("soro", ours), ("cp", theirs)][:: 1 if pair % 2 else -1]:
                shutil.rmtree(target, ignore_errors=True)
                taken[name] = seconds(stick, command)
            ratios.append(taken["soro"][0] / taken["cp"][0])
            told = ", ".join(
                f"{name} {wall:.2f} s ({cpu:.2f} s busy)" for name, (wall, cpu) in taken.items()
            )
            print(f"{told}: {ratios[-1]:.2f}", flush=True)
        print(f"median {statistics.median(ratios):.2f} of {pairs} pairs, {megabytes} MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
