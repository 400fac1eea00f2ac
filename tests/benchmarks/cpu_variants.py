"""llama.cpp's CPU variants against a build for this machine alone, and against each other.

`uv run python tests/benchmarks/cpu_variants.py LIBRARIES MODEL.gguf [--rounds 5]`: LIBRARIES is a bundle's
`_internal/llama_cpp/lib`. Each round runs the native build and every variant that this processor can run,
one thread each, in a process of its own; processor seconds are compared round by round, so that another
program's load falls on both sides. Ratios above 1 are faster than the native build.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

READ_TOKENS, WRITE_TOKENS = 256, 192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    variants = sorted(given.libraries.glob("*ggml-cpu-*"))
    runs: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[str, Path | None] = {"native": None}
        for variant in variants:
            sides[variant.stem.split("-", 2)[2]] = alone(variant, given.libraries, Path(folder))
        for done in range(given.rounds):
            # Every second round backwards: who comes first finds another machine than who comes last.
            for name, libraries in list(sides.items())[:: -1 if done % 2 else 1]:
                measured = measure(libraries, given.model)
                if measured:
                    runs.setdefault(name, []).append(measured)
            print(f"after round {done + 1}:", flush=True)
            report(
                runs,
                {variant.stem.split("-", 2)[2]: variant.stat().st_size for variant in variants},
            )


def alone(variant: Path, libraries: Path, folder: Path) -> Path:
    """A folder with the base libraries and this one variant."""
    own = folder / variant.stem
    own.mkdir()
    for file in libraries.iterdir():
        if "ggml-cpu-" not in file.name or file == variant:
            (own / file.name).symlink_to(file.resolve())
    return own


def measure(libraries: Path | None, model: Path) -> tuple[float, float] | None:
    """Processor seconds for reading and for writing, from a child; None where it cannot run."""
    environ = dict(os.environ)
    if libraries:
        environ["LLAMA_CPP_LIB_PATH"] = str(libraries)
    child = [
        sys.executable,
        "-c",
        "from tests.benchmarks.cpu_variants import run; run()",
        str(model),
    ]
    done = subprocess.run(child, env=environ, capture_output=True, text=True)
    return tuple(json.loads(done.stdout)) if done.returncode == 0 else None


def run() -> None:
    """In the child: read and write, print the seconds of each."""
    from soro_edge.engine.api import EngineOptions, Text
    from soro_edge.engine.llama import LlamaEngine
    from soro_edge.engine.native import lib

    engine = LlamaEngine(EngineOptions(model_path=sys.argv[1], threads=1, prefill_batch_tokens=64))
    engine.load()
    context = engine.native_context
    tokens = engine.tokenize((Text("Once there was a school in the mountains. " * 40),))
    began = time.process_time()
    for start in range(0, READ_TOKENS, 64):
        part = (lib.llama_token * 64)(*tokens[start : start + 64])
        lib.llama_decode(context, lib.llama_batch_get_one(part, 64))
    read = time.process_time()
    one = (lib.llama_token * 1)(tokens[0])
    for _ in range(WRITE_TOKENS):
        lib.llama_decode(context, lib.llama_batch_get_one(one, 1))
    print(json.dumps([read - began, time.process_time() - read]))


def report(runs: dict[str, list[tuple[float, float]]], sizes: dict[str, int]) -> None:
    native = runs["native"]
    print(f"{'variant':<14} {'bytes':>10} {'reading':>8} {'writing':>8}   against native, medians")
    for name, own in runs.items():
        ratios = [
            statistics.median(
                theirs[part] / ours[part] for theirs, ours in zip(native, own, strict=True)
            )
            for part in (0, 1)
        ]
        print(f"{name:<14} {sizes.get(name, 0):>10,} {ratios[0]:>8.2f} {ratios[1]:>8.2f}")


if __name__ == "__main__":
    main()
