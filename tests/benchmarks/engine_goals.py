"""The engine's goals as ratios, pair by pair, medians of several rounds.

    uv run python -m tests.benchmarks.engine_goals MODEL.gguf [--rounds 3] [--llama-bench PATH] [--speed-only]
        [--neighbours 1]

A real model with a chat template of Gemma's or its own; random weights serve for speed and memory only.
With neighbours, so many other programs want a core each meanwhile, as a virus scanner does.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from soro_edge.bench.lesson import give_lesson, wait_after_restart
from soro_edge.bench.report import read_bare
from soro_edge.bench.trial import GREEDY, run_trial, text_prompt
from soro_edge.engine.api import EngineOptions, Finished, GenerationRequest
from soro_edge.engine.client import EngineProcess
from soro_edge.engine.hardware import LOWER, default_threads
from tests.benchmarks.neighbours import neighbours

LONG_TOKENS = 1100
SENTENCES = 2


def llama_bench_speed(program: Path, options: EngineOptions, depth: float) -> float:
    """Tokens a second of llama.cpp's own measurement: same batch, threads, priority and prompt length."""
    command = [program, "-m", options.model_path, "-p", "0", "-n", "96", "-r", "1", "-o", "json"]
    settings = ["-t", str(options.threads), "-ub", str(options.prefill_batch_tokens), "-fa", "1"]
    depth_words = ["-d", str(int(depth))]
    done = subprocess.run(
        ["nice", "-n", str(LOWER), *(str(word) for word in [*command, *settings, *depth_words])],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LD_LIBRARY_PATH": str(program.parent)},
    )
    return float(json.loads(done.stdout)[0]["avg_ts"])


def stop_milliseconds(options: EngineOptions, log_file: Path) -> float:
    """From Stop, pressed while a long prompt is read, to the end of the answer."""
    engine = EngineProcess(options, log_file=log_file)
    pressed = [0.0]

    def press() -> None:
        pressed[0] = time.perf_counter()
        engine.stop()

    try:
        prompt = text_prompt(engine.load(), 36)
        threading.Timer(0.4, press).start()
        request = GenerationRequest(prompt=prompt, sampling=GREEDY, max_tokens=500)
        for event in engine.generate(request):
            if isinstance(event, Finished):
                return 1000 * (time.perf_counter() - pressed[0])
    finally:
        engine.close()
    raise AssertionError("an answer ends with Finished")


def lesson_waits(options: EngineOptions, log_file: Path, states: Path) -> dict[str, float]:
    """The waits of a lesson, each to what it would be without what is kept."""
    found: dict[str, float] = {}
    waits = give_lesson(options, log_file, long_answer_tokens=LONG_TOKENS)
    saved = wait_after_restart(replace(options, states_folder=str(states)), log_file)
    names = ("turn 5", "again")
    whole = read_bare(
        options, [waits.prompts[name] for name in names] + [saved.prompts["restored"]]
    )
    cold = dict(zip((*names, "restored"), whole.first_token_seconds, strict=True))
    for name in names:
        found[f"{name}, to reading it all"] = waits.seconds[name] / cold[name]
    for name in ("restored", "restored when asked"):
        found[f"{name}, to cold"] = saved.seconds[name] / cold["restored"]
    found["typed, to pasted"] = waits.seconds["typed"] / waits.seconds["pasted"]
    found["tokens of context at again"] = whole.prompt_tokens[1]
    found["tokens of the first prompt"] = whole.prompt_tokens[2]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--llama-bench", type=Path)
    parser.add_argument("--speed-only", action="store_true")
    parser.add_argument("--neighbours", type=int, default=0)
    given = parser.parse_args()
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, neighbours(given.neighbours):
        log_file = Path(folder) / "engine.log"
        options = EngineOptions(model_path=given.model, threads=given.threads, model_sha256="goals")
        engine = EngineProcess(options, log_file=log_file)
        text = text_prompt(engine.load(), SENTENCES)
        engine.close()
        for number in range(given.rounds):
            found: dict[str, float] = {}
            bare = read_bare(options, [text])
            ours = run_trial(options, log_file, sentences=SENTENCES, tokens=96)
            found["tokens a second, to the bare loop"] = (
                ours.tokens_per_second / bare.tokens_per_second
            )
            if given.llama_bench:
                found["tokens a second, to llama-bench"] = (
                    ours.tokens_per_second
                    / llama_bench_speed(given.llama_bench, options, bare.prompt_tokens[0])
                )
            found["peak memory, MB"] = ours.peak_bytes / 1e6
            found["Stop while reading, ms"] = stop_milliseconds(options, log_file)
            if not given.speed_only:
                found |= lesson_waits(options, log_file, Path(folder) / str(number))
            for name, value in found.items():
                rows.setdefault(name, []).append(value)
            print({name: round(value, 3) for name, value in found.items()}, flush=True)
    for name, values in rows.items():
        print(f"{name:<36} {statistics.median(values):>9.3f}")


if __name__ == "__main__":
    main()
