"""The bare loop over the C API: what speed is there to be had? Run as a process of its own.

Usage: python -m soro_edge.bench.bare MODEL THREADS TOKENS TEXT; prints seconds of prefill and decode.
It takes the engine's loaded context, and nothing of its loop.
"""

import json
import sys
import time

from soro_edge.engine.api import EngineOptions, Text
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.native import load_bindings


def main() -> None:
    model, threads, count, text = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    engine = LlamaEngine(EngineOptions(model_path=model, threads=threads))
    engine.load()
    print(json.dumps(measure(engine, (Text(text),), count)))


def measure(engine: LlamaEngine, prompt: tuple[Text, ...], count: int) -> dict[str, float]:
    """Greedy decoding of `count` tokens after `prompt`, with nothing around it."""
    lib = load_bindings()
    context, tokens = engine.native_context, engine.tokenize(prompt)
    sampler = lib.llama_sampler_init_greedy()
    began = time.perf_counter()
    for start in range(0, len(tokens), 64):
        part = tokens[start : start + 64]
        batch = (lib.llama_token * len(part))(*part)
        lib.llama_decode(context, lib.llama_batch_get_one(batch, len(part)))
    one = (lib.llama_token * 1)()
    one[0] = lib.llama_sampler_sample(sampler, context, -1)
    first = time.perf_counter()
    for _ in range(count - 1):
        lib.llama_decode(context, lib.llama_batch_get_one(one, 1))
        one[0] = lib.llama_sampler_sample(sampler, context, -1)
    ended = time.perf_counter()
    return {
        "first_token_seconds": first - began,
        "tokens_per_second": (count - 1) / (ended - first),
    }


if __name__ == "__main__":
    main()
