"""`soro ask` from a bundle against the source tree, pair by pair: medians of the ratios.

`uv run python tests/benchmarks/bundle_start.py dist/linux/soro MODEL.gguf [--rounds 7]`. One token is asked
for, so what counts is starting both processes and loading the model. Processor seconds (children included)
are the steadier figure on a busy machine.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    sides = {
        "source": [sys.executable, "-m", "soro_edge.cli"],
        "bundle": [str(given.bundle.resolve() / "soro")],
    }
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "SORO_HOME": home, "SORO_THREADS": "1"}
        add = [*sides["source"], "models", "add", str(given.model)]
        subprocess.run(add, env=environ, check=True, stdout=subprocess.DEVNULL)
        for name, words in (
            ("--version", ["--version"]),
            ("ask", ["ask", "Hello", "--max-tokens", "1", "--no-history"]),
        ):
            runs: dict[str, list[tuple[float, float]]] = {"source": [], "bundle": []}
            for _round in range(given.rounds):
                for side, program in sides.items():
                    runs[side].append(timed([*program, *words], environ))
            wall, processor = (
                statistics.median(
                    ours[part] / theirs[part]
                    for ours, theirs in zip(runs["bundle"], runs["source"], strict=True)
                )
                for part in (0, 1)
            )
            print(
                f"{name:<10} bundle / source: {wall:.2f} of the time, {processor:.2f} of the processor"
            )


def timed(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Seconds on the clock and on the processor, all children's included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
