"""Finds the settings that suit this machine, by trying them: threads, batch, attention, loading.

A setting is changed only where that is clearly quicker; a busy machine must not make a bad choice.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from soro_edge.bench.trial import Trial
from soro_edge.engine.api import EngineOptions, LoadMode
from soro_edge.engine.tuning import Tuning
from soro_edge.locale import N_, _

SECONDS = 60.0
"""No new trial after so long; what is found by then counts."""
CLEARLY = 1.08
BATTERY_SHARE = 0.85
"""On battery so much of the speed is enough."""
_OTHERS: dict[str, dict[str, Any]] = {
    N_("batch of 32"): {"prefill_batch_tokens": 32},
    N_("batch of 128"): {"prefill_batch_tokens": 128},
    N_("plain attention"): {"flash_attention": False},
    N_("memory map"): {"load_mode": LoadMode.MAP, "repack": False},
    N_("locked"): {"load_mode": LoadMode.LOCK, "repack": True},
}
"""Tried in turn on the best so far. A map must be clearly quicker: its pages can be taken away."""

Try = Callable[[EngineOptions], Trial]
Tell = Callable[[str, Trial], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is to choose from."""

    processor: str
    cores: int
    """Physical."""
    logical_cores: int


def thread_counts(machine: Machine) -> list[int]:
    """Those worth trying, the likeliest first. One core is left where there are three or more."""
    most = machine.cores - 1 if machine.cores > 2 else machine.cores
    tried = [most, max(1, most // 2), max(1, most * 3 // 4), 1]
    if machine.cores == 1 and machine.logical_cores > 1:
        tried.append(2)
    return list(dict.fromkeys(tried))


def tune(
    wanted: EngineOptions,
    machine: Machine,
    attempt: Try,
    tell: Tell,
    clock: Callable[[], float] = time.monotonic,
) -> Tuning:
    """The best settings found in about a minute. `attempt` may raise SoroError."""
    ends = clock() + SECONDS

    def measure(name: str, options: EngineOptions) -> Trial:
        trial = attempt(options)
        tell(name, trial)
        return trial

    base = replace(wanted, states_folder="", threads=None, prefill_threads=None)
    by_threads: dict[int, Trial] = {}
    for count in thread_counts(machine):
        if not by_threads or clock() < ends - SECONDS / 2:
            by_threads[count] = measure(
                _("{count} threads").format(count=count), replace(base, threads=count)
            )
    most = thread_counts(machine)[0]
    threads = _best(by_threads, most, lambda trial: trial.tokens_per_second)
    prefill = _best(by_threads, most, lambda trial: trial.prefill_tokens_per_second)
    enough = BATTERY_SHARE * by_threads[threads].tokens_per_second
    saving = min(n for n, trial in by_threads.items() if trial.tokens_per_second >= enough)
    best = replace(base, threads=threads, prefill_threads=prefill)
    reading, writing = by_threads[prefill], by_threads[threads]
    for name, changes in _OTHERS.items():
        if clock() < ends:
            options = replace(best, **changes)
            trial = measure(_(name), options)
            ahead = trial.prefill_tokens_per_second / reading.prefill_tokens_per_second
            level = trial.tokens_per_second / writing.tokens_per_second
            if ahead * level > CLEARLY and min(ahead, level) > 1 / CLEARLY:
                best, reading, writing = options, trial, trial
    return Tuning(
        processor=machine.processor,
        cores=machine.logical_cores,
        threads=threads,
        prefill_threads=prefill,
        battery_threads=saving,
        prefill_batch_tokens=best.prefill_batch_tokens,
        flash_attention=best.flash_attention,
        load_mode=best.load_mode,
        repack=best.repack,
    )


def _best(trials: dict[int, Trial], likeliest: int, speed: Callable[[Trial], float]) -> int:
    """The quickest, unless it is hardly quicker than the likeliest."""
    quickest = max(trials, key=lambda count: speed(trials[count]))
    clearly = speed(trials[quickest]) > speed(trials[likeliest]) * CLEARLY
    return quickest if clearly else likeliest
