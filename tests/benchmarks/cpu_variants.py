"""llama.cpp's CPU variants against a build for this machine alone, or against those of another bundle.

`uv run python tests/benchmarks/cpu_variants.py LIBRARIES MODEL.gguf`: LIBRARIES is a bundle's
`_internal/llama_cpp/lib`. Each round runs both sides of every variant that this processor can run, in a
process of its own; ratios are taken round by round, so that another program's load falls on both. Ratios
above 1 are faster than the other side; in brackets is the wall time's, which counts on a quiet machine only.

KV cache and attention are what the runtime takes for a variant. `--against FOLDER --against-f16` compares
with a bundle of before 30 November 2026, which kept an F16 cache and flash attention everywhere.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TURN_CONTEXT, TURN_READ, TURN_WRITE = 800, 60, 150
WRITE_TOKENS = 24
BATCH = 64

Times = dict[str, tuple[float, float]]
"""Of each part, processor seconds and wall seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--contexts", default="100,400,1600", help="tokens in the KV cache")
    parser.add_argument("--variants", default="", help="only these, as sse42,haswell")
    parser.add_argument("--against", type=Path, help="another bundle's libraries")
    parser.add_argument("--against-f16", action="store_true")
    given = parser.parse_args()
    variants = [
        file
        for file in sorted(given.libraries.glob("*ggml-cpu-*"))
        if not given.variants or name_of(file) in given.variants.split(",")
    ]
    runs: dict[str, list[tuple[Times, Times]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for done in range(given.rounds):
            for variant in variants:
                theirs = given.against and alone(
                    given.against / variant.name, Path(folder, "other")
                )
                sides = [
                    (theirs, given.against_f16),
                    (alone(variant, Path(folder, "own")), False),
                ]
                # Every second round backwards: who comes first finds another machine than who comes last.
                order = (1, 0) if done % 2 else (0, 1)
                measured = {side: measure(*sides[side], given) for side in order}
                other, own = measured[0], measured[1]
                if other and own:
                    runs.setdefault(name_of(variant), []).append((other, own))
            print(f"after round {done + 1}:", flush=True)
            report(runs)


def name_of(variant: Path) -> str:
    return variant.stem.split("-", 2)[2]


def alone(variant: Path, folder: Path) -> Path:
    """A folder with the base libraries and this one variant."""
    own = folder / variant.stem
    if not own.exists():
        own.mkdir(parents=True)
        for file in variant.parent.iterdir():
            if "ggml-cpu-" not in file.name or file == variant:
                (own / file.name).symlink_to(file.resolve())
    return own


def measure(libraries: Path | None, f16: bool, given: argparse.Namespace) -> Times | None:
    """From a child; None where it cannot run."""
    environ = dict(os.environ)
    if libraries:
        environ["LLAMA_CPP_LIB_PATH"] = str(libraries)
    code = "from tests.benchmarks.cpu_variants import run; run()"
    settings = (str(given.model), str(given.threads), given.contexts, "f16" if f16 else "")
    child = [sys.executable, "-c", code, *settings]
    done = subprocess.run(child, env=environ, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def run() -> None:
    """In the child: prefill, and decode at each length of the context; print the seconds of each part."""
    from soro_edge.engine.api import EngineOptions, KvCacheType, Text
    from soro_edge.engine.llama import LlamaEngine
    from soro_edge.engine.native import lib

    options = EngineOptions(
        model_path=sys.argv[1],
        threads=int(sys.argv[2]),
        prefill_batch_tokens=BATCH,
        kv_cache_type=KvCacheType.F16 if sys.argv[4] else KvCacheType.AUTO,
        flash_attention=True if sys.argv[4] else None,
    )
    engine = LlamaEngine(options)
    engine.load()
    context = engine.native_context
    book = engine.tokenize((Text("Once there was a school in the mountains. " * 300),))
    position = 0

    def decode(count: int) -> None:
        nonlocal position
        part = (lib.llama_token * count)(*book[position : position + count])
        assert lib.llama_decode(context, lib.llama_batch_get_one(part, count)) == 0
        lib.llama_synchronize(context)
        position += count

    def read(end: int) -> None:
        while position < end:
            decode(min(BATCH, end - position))

    def write(count: int) -> None:
        for _ in range(count):
            decode(1)

    times: Times = {}

    def timed(part: str, *steps: tuple[Callable[[int], None], int]) -> None:
        began = time.process_time(), time.perf_counter()
        for step, count in steps:
            step(count)
        times[part] = time.process_time() - began[0], time.perf_counter() - began[1]

    read(16)
    for tokens in map(int, sys.argv[3].split(",")):
        if position < TURN_CONTEXT < tokens:
            read(TURN_CONTEXT)
            timed("turn", (read, TURN_CONTEXT + TURN_READ), (write, TURN_WRITE))
        timed(f"read {tokens}", (read, tokens))
        timed(f"write {tokens}", (write, WRITE_TOKENS))
    print(json.dumps(times))


def report(runs: dict[str, list[tuple[Times, Times]]]) -> None:
    parts = list(next(iter(runs.values()))[0][0]) if runs else []
    print(f"{'variant':<12}" + "".join(f"{part:>14}" for part in parts))
    for name, rounds in runs.items():
        line = f"{name:<12}"
        for part in parts:
            processor, wall = (
                statistics.median(theirs[part][clock] / own[part][clock] for theirs, own in rounds)
                for clock in (0, 1)
            )
            line += f"{processor:>7.2f} ({wall:.2f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
