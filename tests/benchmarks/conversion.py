"""`soro convert` against llama.cpp's own converter and quantizer, on one checkpoint, in one run.

Usage: uv run python tests/benchmarks/conversion.py CHECKPOINT --llama-cpp FOLDER --python PYTHON
           [--rounds 3] [--divergence TEXT --calibration TEXT]

FOLDER holds llama.cpp's source with `build/bin` made (llama-quantize, llama-bench, llama-imatrix,
llama-perplexity); PYTHON is an interpreter with torch and transformers, which its converter needs.
Prints a table of ratios, ours to theirs. With --divergence both Q4_0 files, calibrated on the same text,
are measured by llama-perplexity against the unquantized model on TEXT, which should hold none of it.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHUNKS = ("-c", "512", "--chunks", "6", "-t", "2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one or several commands in a row."""

    seconds: float
    cpu_seconds: float
    """Of all threads: what does not depend on how busy the computer is."""
    peak_bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            seconds=self.seconds + other.seconds,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
        )


class Bench:
    """The commands of both sides."""

    def __init__(self, checkpoint: Path, llama_cpp: Path, python: Path, folder: Path) -> None:
        self.checkpoint, self.llama_cpp, self.python, self.folder = (
            checkpoint,
            llama_cpp,
            python,
            folder,
        )

    def ours(self, name: str, *options: str) -> Cost:
        output = str(self.folder / name)
        soro = [sys.executable, "-m", "soro_edge.cli"]
        return run([*soro, "convert", str(self.checkpoint), output, "--force", *options])

    def theirs(self, name: str, *options: str) -> Cost:
        whole = self.folder / "bf16.gguf"
        script = str(self.llama_cpp / "convert_hf_to_gguf.py")
        arguments = ["--outfile", str(whole), "--outtype", "bf16"]
        cost = run([str(self.python), script, str(self.checkpoint), *arguments])
        quantize = [*options, str(whole), str(self.folder / name), "Q4_0", "2"]
        return cost + run([self.tool("quantize"), *quantize])

    def tool(self, name: str) -> str:
        return str(self.llama_cpp / "build" / "bin" / f"llama-{name}")

    def tokens_per_second(self, *names: str) -> list[float]:
        """Decoding with each file, in turn."""
        speeds = []
        for name in names:
            model = str(self.folder / name)
            command = [self.tool("bench"), "-m", model, "-p", "0", "-n", "48", "-t", "2", "-r", "1"]
            found = subprocess.run([*command, "-o", "json"], check=True, capture_output=True)
            speeds.append(float(json.loads(found.stdout)[0]["avg_ts"]))
        return speeds

    def divergence(self, name: str, reference: str, text: Path) -> float:
        """Mean KL divergence as llama-perplexity prints it."""
        base = self.folder / f"{reference}.logits"
        common = [self.tool("perplexity"), "-f", str(text), *CHUNKS, "--kl-divergence-base"]
        if not base.exists():
            run([*common, str(base), "-m", str(self.folder / reference)])
        command = [*common, str(base), "-m", str(self.folder / name), "--kl-divergence"]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        match = re.search(r"Mean\s+KLD:\s+([0-9.]+)", found.stdout + found.stderr)
        assert match
        return float(match[1])


def run(command: list[str]) -> Cost:
    """Run it silently; its time and its largest resident size."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, command
    return Cost(
        seconds=time.perf_counter() - began,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--llama-cpp", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--divergence", type=Path)
    parser.add_argument("--calibration", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        bench = Bench(given.checkpoint, given.llama_cpp, given.python, Path(folder))
        pairs = [
            (bench.ours("ours.gguf", "--calibration", "none"), bench.theirs("theirs.gguf"))
            for _ in range(given.rounds)
        ]
        show("time", [a.seconds / b.seconds for a, b in pairs])
        show("CPU time", [a.cpu_seconds / b.cpu_seconds for a, b in pairs])
        show("our CPU seconds", [a.cpu_seconds for a, _ in pairs])
        show("peak memory", [a.peak_bytes / b.peak_bytes for a, b in pairs])
        sizes = [(bench.folder / name).stat().st_size for name in ("ours.gguf", "theirs.gguf")]
        show("file size", [sizes[0] / sizes[1]])
        speeds = [bench.tokens_per_second("ours.gguf", "theirs.gguf") for _ in range(given.rounds)]
        show("tokens per second", [a / b for a, b in speeds])
        if given.divergence:
            show_divergences(bench, given.divergence, given.calibration)


def show_divergences(bench: Bench, text: Path, calibration: Path) -> None:
    importance = bench.folder / "importance.gguf"
    imatrix = [bench.tool("imatrix"), "-m", str(bench.folder / "bf16.gguf"), "-f", str(calibration)]
    run([*imatrix, "-o", str(importance), "-c", "512", "--chunks", "40", "-t", "2"])
    bench.theirs("importance-q4.gguf", "--imatrix", str(importance))
    bench.ours("reference.gguf", "--type", "bf16")
    bench.ours("calibrated.gguf", "--calibration", str(calibration))
    for name, reference in (
        ("theirs.gguf", "bf16.gguf"),
        ("importance-q4.gguf", "bf16.gguf"),
        ("ours.gguf", "reference.gguf"),
        ("calibrated.gguf", "reference.gguf"),
    ):
        print(f"KL divergence of {name:<20} {bench.divergence(name, reference, text):.4f}")


def show(what: str, ratios: list[float]) -> None:
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"{what:<20} {statistics.median(ratios):.2f} ({spread})", flush=True)


if __name__ == "__main__":
    main()
