"""How long each type of weights takes at decoding, on one build of llama.cpp.

`uv run python -m tests.benchmarks.weight_types LIBRARIES [--rounds 3]`: LIBRARIES is a folder with the base
libraries and one `libggml-cpu` for the processor in question. Random weights at the shapes of Gemma 3 1B,
one thread, processor time; the Q8_0 output matrix that all files share is taken off. The numbers of
soro_edge/stick/old_processors.py come from here.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

TYPES = ("Q4_0", "Q8_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "F16", "BF16", "F32")
TOKENS = 12
LAYERS = 6
"""Of 26: enough to be far larger than the processor's cache, and quick to write."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: _write(Path(folder), name) for name in TYPES}
        for _ in range(given.rounds):
            for name, file in files.items():
                seconds.setdefault(name, []).append(_measure(given.libraries, file))
    in_layers, embedding = _weights_of()
    q8_0 = statistics.median(seconds["Q8_0"]) / (in_layers + embedding)
    print("type    ns a weight")
    for name in TYPES:
        alone = statistics.median(seconds[name]) - q8_0 * embedding
        print(f"{name:<7} {alone / in_layers * 1e9:.3f}")


def _weights_of() -> tuple[int, int]:
    """Weights of all layers, and of the embedding."""
    from soro_edge.testing.random_gemma3 import SHAPES, matrices

    shape = replace(SHAPES["1b"], layers=LAYERS)
    sizes = {name: rows * columns for name, rows, columns in matrices(shape)}
    embedding = sizes.pop("token_embd.weight")
    return sum(sizes.values()), embedding


def _write(folder: Path, name: str) -> Path:
    import gguf

    from soro_edge.testing.random_gemma3 import SHAPES, write_random_gemma3

    shape = replace(
        SHAPES["1b"], layers=LAYERS, block_type=gguf.GGMLQuantizationType[name], pieces=32_768
    )
    return write_random_gemma3(folder / f"{name}.gguf", shape)


def _measure(libraries: Path, file: Path) -> float:
    """Processor seconds a token, in a process of its own."""
    child = [
        sys.executable,
        "-c",
        "from tests.benchmarks.weight_types import decode; decode()",
        str(file),
    ]
    environ = {**os.environ, "LLAMA_CPP_LIB_PATH": str(libraries)}
    done = subprocess.run(child, env=environ, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def decode() -> None:
    """In the child: decode TOKENS tokens after a warm-up, print the seconds of one."""
    from soro_edge.engine.api import EngineOptions
    from soro_edge.engine.llama import LlamaEngine
    from soro_edge.engine.native import lib

    engine = LlamaEngine(EngineOptions(model_path=sys.argv[1], threads=1, context_tokens=256))
    engine.load()
    token = (lib.llama_token * 1)(5)
    for number in range(TOKENS + 2):
        if number == 2:
            began = time.process_time()
        lib.llama_decode(engine.native_context, lib.llama_batch_get_one(token, 1))
    print(json.dumps((time.process_time() - began) / TOKENS))
    engine.close()


if __name__ == "__main__":
    main()
