"""The bare loop over the C API: what speed is there to be had? Run as a process of its own.

One request comes as a line of the engine's wire on stdin, JSON goes out: for each prompt the seconds to
its first token from an empty cache, then the speed of decoding. It takes the engine's loaded context,
and nothing of its loop, its cache or its protocol.
"""

import json
import os
import sys
import time

from soro_edge.bench.trial import peak_bytes
from soro_edge.engine.api import Prompt
from soro_edge.engine.hardware import lower_priority
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.native import lib
from soro_edge.engine.wire import Count, Load, decode


def main() -> None:
    lower_priority()  # as the worker does: both sides wait for the same others
    load, count = decode(sys.stdin.buffer.readline()), decode(sys.stdin.buffer.readline())
    if not isinstance(load, Load) or not isinstance(count, Count):
        raise SystemExit("a Load and a Count are wanted")
    tokens = int(sys.argv[1])
    began = time.perf_counter()
    engine = LlamaEngine(load.options)
    engine.load()
    loaded = time.perf_counter() - began
    firsts = [
        first_token_seconds(engine, prompt, load.options.prefill_batch_tokens)
        for prompt in count.prompts
    ]
    speed = decode_speed(engine, tokens)
    facts = {
        "load_seconds": loaded,
        "prompt_tokens": engine.count_tokens(count.prompts),
        "first_token_seconds": firsts,
        "tokens_per_second": speed,
        "peak_bytes": peak_bytes(os.getpid()),
    }
    print(json.dumps(facts))


def first_token_seconds(engine: LlamaEngine, prompt: Prompt, batch_tokens: int) -> float:
    """Reading the whole prompt into an empty cache, and choosing one token."""
    context = engine.native_context
    sampler = lib.llama_sampler_init_greedy()
    began = time.perf_counter()
    tokens = engine.tokenize(prompt)
    lib.llama_memory_clear(lib.llama_get_memory(context), True)
    for start in range(0, len(tokens), batch_tokens):
        part = tokens[start : start + batch_tokens]
        batch = (lib.llama_token * len(part))(*part)
        lib.llama_decode(context, lib.llama_batch_get_one(batch, len(part)))
    lib.llama_sampler_sample(sampler, context, -1)
    seconds = time.perf_counter() - began
    lib.llama_sampler_free(sampler)
    return seconds


def decode_speed(engine: LlamaEngine, count: int) -> float:
    """Tokens a second, after what was read last."""
    context = engine.native_context
    sampler = lib.llama_sampler_init_greedy()
    one = (lib.llama_token * 1)(lib.llama_sampler_sample(sampler, context, -1))
    began = time.perf_counter()
    for _ in range(count):
        lib.llama_decode(context, lib.llama_batch_get_one(one, 1))
        one[0] = lib.llama_sampler_sample(sampler, context, -1)
    seconds = time.perf_counter() - began
    lib.llama_sampler_free(sampler)
    return count / seconds


if __name__ == "__main__":
    main()
