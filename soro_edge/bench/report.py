"""`soro bench`: pairs of runs, ours and the bare C API's, in turn; medians of the ratios."""

import json
import statistics
import subprocess
import sys
import time

import click

from soro_edge.engine.api import (
    EngineOptions,
    Finished,
    GenerationRequest,
    Sampling,
    Text,
    TextPiece,
)
from soro_edge.engine.client import EngineProcess
from soro_edge.engine.hardware import default_threads
from soro_edge.paths import Paths

PROMPT = "Once upon a time there was a school in the mountains. " * 8
TOKENS = 96


def run_bench(model_path: str, paths: Paths, *, rounds: int, as_json: bool) -> None:
    """Measure and print. Each side loads anew in each round, so that neither inherits a warm cache."""
    threads = default_threads()
    ours: list[dict[str, float]] = []
    bare: list[dict[str, float]] = []
    for number in range(rounds):
        click.echo(f"{number + 1}/{rounds}", err=True)
        bare.append(_bare(model_path, threads))
        ours.append(_ours(model_path, threads, paths))
    result = {"rounds": rounds, "threads": threads, "generated_tokens": TOKENS}
    names = ("tokens_per_second", "first_token_seconds")
    table = {
        name: {
            "soro": round(statistics.median(run[name] for run in ours), 4),
            "bare": round(statistics.median(run[name] for run in bare), 4),
            "ratio": round(
                statistics.median(a[name] / b[name] for a, b in zip(ours, bare, strict=True)), 4
            ),
        }
        for name in names
    }
    if as_json:
        print(json.dumps({**result, **table}))
        return
    print(f"{'':<22}{'soro':>10}{'bare C':>10}{'ratio':>8}")
    for name, row in table.items():
        print(f"{name:<22}{row['soro']:>10.3f}{row['bare']:>10.3f}{row['ratio']:>8.3f}")


def _bare(model_path: str, threads: int) -> dict[str, float]:
    command = [sys.executable, "-m", "soro_edge.bench.bare"]
    done = subprocess.run(
        [*command, model_path, str(threads), str(TOKENS), PROMPT],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _ours(model_path: str, threads: int, paths: Paths) -> dict[str, float]:
    """Timed here, on the screen's side of the pipe."""
    options = EngineOptions(model_path=model_path, threads=threads)
    engine = EngineProcess(options, log_file=paths.engine_log)
    greedy = Sampling(temperature=0, repeat_penalty=1)
    request = GenerationRequest(prompt=(Text(PROMPT),), sampling=greedy, max_tokens=TOKENS)
    try:
        engine.load()
        began = time.perf_counter()
        first = 0.0
        for event in engine.generate(request):
            if isinstance(event, TextPiece) and not first:
                first = time.perf_counter()
            elif isinstance(event, Finished):
                seconds = time.perf_counter() - first
                count = event.statistics.generated_tokens
                return {
                    "first_token_seconds": first - began,
                    "tokens_per_second": (count - 1) / seconds,
                }
    finally:
        engine.close()
    raise AssertionError("an answer ends with Finished")
