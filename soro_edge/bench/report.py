"""`soro bench`: pairs of runs, ours and the bare C API's, in turn; medians and ratios as a table.

Each side loads anew in each round, so that neither inherits the other's caches.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from soro_edge.bench.lesson import Waits, give_lesson, wait_after_restart, without_states
from soro_edge.bench.trial import Trial, run_trial, text_prompt
from soro_edge.engine.api import EngineOptions, ModelInfo, Prompt
from soro_edge.engine.client import EngineProcess
from soro_edge.engine.wire import Count, Load, encode
from soro_edge.locale import _
from soro_edge.paths import Paths

TOKENS = 96
SENTENCES = 24
Row = dict[str, float]


def run_bench(
    options: EngineOptions,
    paths: Paths,
    *,
    rounds: int,
    as_json: bool,
) -> None:
    """Measure and print. Raises SoroError."""
    log_file = paths.engine_log
    info = _describe(options, log_file)
    measured: list[dict[str, Row]] = []
    began = time.monotonic()
    for number in range(rounds):
        click.echo(f"{number + 1}/{rounds}{_time_left(began, number, rounds)}", err=True)
        row = _round(options, log_file, info)
        row["start_to_first_paint_seconds"] = {"soro": _paint_seconds()}
        measured.append(row)
    table = {name: _median([row[name] for row in measured]) for name in measured[0]}
    if as_json:
        facts = {"rounds": rounds, "model": info.name, "threads": options.threads or 0}
        print(json.dumps({**facts, **table}))
        return
    print(f"{'':<32}{'soro':>12}{'bare C':>12}{'ratio':>8}")
    for name, line in table.items():
        cells = [
            f"{line[side]:>12.3f}" if side in line else f"{'':>12}" for side in ("soro", "bare")
        ]
        ratio = f"{line['ratio']:>8.3f}" if "ratio" in line else ""
        print(f"{name:<32}{''.join(cells)}{ratio}")


def _time_left(began: float, done: int, rounds: int) -> str:
    if not done:
        return ""
    seconds = (time.monotonic() - began) / done * (rounds - done)
    return ", " + _("about {minutes} min left").format(minutes=max(1, round(seconds / 60)))


def _round(options: EngineOptions, log_file: Path, info: ModelInfo) -> dict[str, Row]:
    """One pair of everything."""
    plain = without_states(options)
    text = text_prompt(info, SENTENCES)
    bare = read_bare(plain, [text])
    ours = run_trial(plain, log_file, sentences=SENTENCES, tokens=TOKENS)
    waits = give_lesson(plain, log_file)
    with tempfile.TemporaryDirectory() as folder:
        saved = wait_after_restart(replace(options, states_folder=folder), log_file)
    waits.seconds |= saved.seconds
    waits.prompts |= saved.prompts
    whole = read_bare(plain, [*waits.prompts.values()])
    return {**_speeds(ours, bare), **_first_tokens(waits, whole)}


def _speeds(ours: Trial, bare: "Bare") -> dict[str, Row]:
    return {
        "tokens_per_second": _pair(ours.tokens_per_second, bare.tokens_per_second),
        "prefill_tokens_per_second": _pair(
            ours.prefill_tokens_per_second, bare.prompt_tokens[0] / bare.first_token_seconds[0]
        ),
        "load_seconds": _pair(ours.load_seconds, bare.load_seconds),
        "peak_megabytes": _pair(ours.peak_bytes / 1e6, bare.peak_bytes / 1e6),
    }


def _first_tokens(waits: Waits, whole: "Bare") -> dict[str, Row]:
    """Seconds to the first word; the bare side reads the whole prompt from nothing each time."""
    rows = {}
    for (name, seconds), bare in zip(waits.seconds.items(), whole.first_token_seconds, strict=True):
        rows[f"first_token_{name.replace(' ', '_')}_seconds"] = _pair(seconds, bare)
    rows["first_token_typed_to_pasted"] = _pair(waits.seconds["typed"], waits.seconds["pasted"])
    return rows


def _pair(ours: float, bare: float) -> Row:
    return {"soro": ours, "bare": bare, "ratio": ours / bare if bare else 0.0}


def _median(rows: Sequence[Row]) -> Row:
    """Of each column by itself; the ratio is the median of ratios."""
    return {side: round(statistics.median(row[side] for row in rows), 4) for side in rows[0]}


class Bare:
    """What the child `soro_edge.bench.bare` measured."""

    def __init__(self, facts: dict[str, float | list[float]]) -> None:
        def number(name: str) -> float:
            value = facts[name]
            return value if isinstance(value, int | float) else 0.0

        def numbers(name: str) -> list[float]:
            value = facts[name]
            return value if isinstance(value, list) else []

        self.load_seconds = number("load_seconds")
        self.tokens_per_second = number("tokens_per_second")
        self.peak_bytes = number("peak_bytes")
        self.first_token_seconds = numbers("first_token_seconds")
        self.prompt_tokens = numbers("prompt_tokens")


def read_bare(options: EngineOptions, prompts: list[Prompt]) -> Bare:
    lines = encode(Load(options)) + encode(Count(tuple(prompts)))
    done = subprocess.run(
        [sys.executable, "-m", "soro_edge.bench.bare", str(TOKENS)],
        check=True,
        input=lines,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return Bare(json.loads(done.stdout))


def _describe(options: EngineOptions, log_file: Path) -> ModelInfo:
    engine = EngineProcess(without_states(options), log_file=log_file)
    try:
        return engine.load()
    finally:
        engine.close()


def _paint_seconds() -> float:
    """From the start of the tutor's process to its first frame."""
    command = [sys.executable, "-m", "soro_edge.commands.paint"]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return float(done.stdout.split()[-1])
