"""Loading and the first answer from a slow disk, such as a USB stick, by each way of loading.

    uv run python tests/benchmarks/slow_disk.py MODEL.gguf [--megabytes-per-second 20]

Needs root and Linux's blkio controller (cgroup v1): it slows this program's reads from the disk of MODEL
down, and the file is put out of the page cache before each trial.
"""

import argparse
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from soro_edge.bench.trial import GREEDY, text_prompt
from soro_edge.engine.api import EngineOptions, GenerationRequest, LoadMode, TextPiece
from soro_edge.engine.client import EngineProcess

MODES: dict[str, dict[str, Any]] = {
    "read": {"load_mode": LoadMode.READ},
    "map": {"load_mode": LoadMode.MAP},
    "map, not repacked": {"load_mode": LoadMode.MAP, "repack": False},
}


@contextlib.contextmanager
def slow_disk(path: Path, megabytes: int, reads: int) -> Iterator[None]:
    """This process and its children read so much a second, in so many reads."""
    device = path.stat().st_dev
    whole = f"{os.major(device)}:{os.minor(device) & ~15 if os.major(device) == 8 else 0}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "cgroup", "-o", "blkio", "none", folder], check=True)
        ours = Path(folder) / "soro-slow-disk"
        ours.mkdir(exist_ok=True)
        try:
            limits = {"read_bps_device": megabytes * 1_000_000, "read_iops_device": reads}
            for name, limit in limits.items():
                (ours / f"blkio.throttle.{name}").write_text(f"{whole} {limit}")
            (ours / "cgroup.procs").write_text(str(os.getpid()))
            yield
        finally:
            (Path(folder) / "cgroup.procs").write_text(str(os.getpid()))
            ours.rmdir()
            subprocess.run(["umount", folder], check=True)


def forget(path: Path) -> None:
    """The next read comes from the disk."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def trial(options: EngineOptions, log_file: Path) -> tuple[float, float, int]:
    """Seconds to load, then to the first word, and how often progress was told."""
    told: list[float] = []
    engine = EngineProcess(options, log_file=log_file)
    try:
        began = time.perf_counter()
        info = engine.load(told.append)
        loaded = time.perf_counter()
        request = GenerationRequest(prompt=text_prompt(info, 4), sampling=GREEDY, max_tokens=8)
        for event in engine.generate(request):
            if isinstance(event, TextPiece):
                break
        first = time.perf_counter()
        engine.stop()
        return loaded - began, first - loaded, len(told)
    finally:
        engine.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--megabytes-per-second", type=int, default=20)
    parser.add_argument("--reads-per-second", type=int, default=400)
    given = parser.parse_args()
    options = EngineOptions(model_path=str(given.model))
    size = given.model.stat().st_size / 1e6
    print(
        f"{size:.0f} MB at {given.megabytes_per_second} MB/s: {size / given.megabytes_per_second:.1f} s"
    )
    with (
        slow_disk(given.model, given.megabytes_per_second, given.reads_per_second),
        tempfile.TemporaryDirectory() as folder,
    ):
        for name, changes in MODES.items():
            forget(given.model)
            load, first, told = trial(replace(options, **changes), Path(folder) / "engine.log")
            print(
                f"{name:<20} loaded {load:6.1f} s, first word {first:6.1f} s, progress told {told}"
            )


if __name__ == "__main__":
    main()
