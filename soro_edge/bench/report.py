"""What `soro bench` measures: pairs of runs, ours and the bare C API's, in turn; medians and their spread.

Each side loads anew in each round, so that neither inherits the other's caches. How it is shown is for
soro_edge/bench/table.py.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from soro_edge.bench.lesson import Waits, give_lesson, wait_after_restart, without_states
from soro_edge.bench.trial import Trial, run_trial, text_prompt
from soro_edge.engine.api import EngineOptions, ModelInfo, Prompt
from soro_edge.engine.client import EngineProcess
from soro_edge.engine.wire import Count, Load, encode
from soro_edge.locale import N_
from soro_edge.paths import Paths

TOKENS = 96
SENTENCES = 24
STEPS = (
    N_("llama.cpp alone reads and writes"),
    N_("Soro reads and writes"),
    N_("a lesson of five questions, one of them typed letter by letter"),
    N_("two starts with what was saved"),
    N_("llama.cpp alone reads the same questions"),
    N_("the tutor opens"),
)
"""Of one round, in this order."""

Tell = Callable[[int, int], None]
"""Told of the round and the step that begin now, both counted from 0."""
Pair = dict[str, float]
"""`soro`, and where it was measured too `bare` and their `ratio`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured in each round."""

    name: str
    """A key that no language changes, with its unit at the end."""
    soro: float
    """The median of the rounds."""
    bare: float | None
    """The same of the bare C API."""
    ratio: float | None
    """The median of the rounds' ratios, ours to the bare C API's."""
    spread: float | None
    """Half of what lies between the least and the greatest round, as a share of the median: of the ratios,
    or of our figures where there is no other side. None after a single round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of it."""

    model: str
    threads: int
    """Of the settings or of `soro tune`; 0 where the engine chooses."""
    rounds: int
    others_share: float
    """How much of the processor other programs took before the rounds began, 0 to 1."""
    figures: tuple[Figure, ...]

    def figure(self, name: str) -> Figure:
        return next(figure for figure in self.figures if figure.name == name)

    def as_json(self) -> str:
        """One object, whose keys stay the same in every language and version."""
        pairs = {}
        for figure in self.figures:
            values = {
                "soro": figure.soro,
                "bare": figure.bare,
                "ratio": figure.ratio,
                "spread": figure.spread,
            }
            pairs[figure.name] = {
                name: round(value, 4) for name, value in values.items() if value is not None
            }
        facts = {"rounds": self.rounds, "model": self.model, "threads": self.threads}
        return json.dumps({**facts, "others_share": round(self.others_share, 2), **pairs})


def measure(options: EngineOptions, paths: Paths, *, rounds: int, tell: Tell) -> Report:
    """Raises SoroError."""
    log_file = paths.engine_log
    info = _describe(options, log_file)
    measured: list[dict[str, Pair]] = []
    busy = []
    for number in range(rounds):
        busy.append(others_share())

        def step(which: int, number: int = number) -> None:
            tell(number, which)

        measured.append(_round(options, log_file, info, step))
    return Report(
        model=info.name,
        threads=options.threads or 0,
        rounds=rounds,
        others_share=statistics.median(busy),
        figures=tuple(_figure(name, [row[name] for row in measured]) for name in measured[0]),
    )


def _figure(name: str, pairs: Sequence[Pair]) -> Figure:
    """The medians of each column by itself; the ratio is the median of ratios."""
    median = {
        side: statistics.median(pair[side] for pair in pairs)
        for side in ("soro", "bare", "ratio")
        if side in pairs[0]
    }
    decisive = [pair.get("ratio", pair["soro"]) for pair in pairs]
    middle = statistics.median(decisive)
    spread = (max(decisive) - min(decisive)) / 2 / middle if len(pairs) > 1 and middle else None
    return Figure(
        name=name,
        soro=median["soro"],
        bare=median.get("bare"),
        ratio=median.get("ratio"),
        spread=spread,
    )


def others_share() -> float:
    """What other programs take of the processor, while this one waits for a second."""
    import psutil

    return float(psutil.cpu_percent(interval=1.0)) / 100


def _round(
    options: EngineOptions, log_file: Path, info: ModelInfo, step: Callable[[int], None]
) -> dict[str, Pair]:
    """One pair of everything."""
    plain = without_states(options)
    text = text_prompt(info, SENTENCES)
    step(0)
    bare = read_bare(plain, [text])
    step(1)
    ours = run_trial(plain, log_file, sentences=SENTENCES, tokens=TOKENS)
    step(2)
    waits = give_lesson(plain, log_file)
    step(3)
    with tempfile.TemporaryDirectory() as folder:
        saved = wait_after_restart(replace(options, states_folder=folder), log_file)
    waits.seconds |= saved.seconds
    waits.prompts |= saved.prompts
    step(4)
    whole = read_bare(plain, [*waits.prompts.values()])
    step(5)
    return {
        **_speeds(ours, bare),
        **_first_tokens(waits, whole),
        "start_to_first_paint_seconds": {"soro": _paint_seconds()},
    }


def _speeds(ours: Trial, bare: "Bare") -> dict[str, Pair]:
    return {
        "tokens_per_second": _pair(ours.tokens_per_second, bare.tokens_per_second),
        "prefill_tokens_per_second": _pair(
            ours.prefill_tokens_per_second, bare.prompt_tokens[0] / bare.first_token_seconds[0]
        ),
        "load_seconds": _pair(ours.load_seconds, bare.load_seconds),
        "peak_megabytes": _pair(ours.peak_bytes / 1e6, bare.peak_bytes / 1e6),
    }


def _first_tokens(waits: Waits, whole: "Bare") -> dict[str, Pair]:
    """Seconds to the first word; the bare side reads the whole prompt from nothing each time."""
    rows = {}
    for (name, seconds), bare in zip(waits.seconds.items(), whole.first_token_seconds, strict=True):
        rows[f"first_token_{name.replace(' ', '_')}_seconds"] = _pair(seconds, bare)
    rows["first_token_typed_to_pasted"] = _pair(waits.seconds["typed"], waits.seconds["pasted"])
    return rows


def _pair(ours: float, bare: float) -> Pair:
    return {"soro": ours, "bare": bare, "ratio": ours / bare if bare else 0.0}


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
