"""Finds the settings that suit this machine, by the time that whole turns of a conversation take.

Threads, KV cache type and attention, batch and loading are tried one after the other, each on the quickest
so far, and only where the memory suffices. A setting is changed only where that is clearly quicker: a busy
machine must not make a bad choice. Knows no engine: `attempt` measures.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from soro_edge.bench.turn import TurnTrial
from soro_edge.engine.api import EngineOptions, KvCacheType, LoadMode
from soro_edge.engine.tuning import Tuning
from soro_edge.locale import N_, _

SECONDS = 90.0
"""No new trial after so long; what is found by then counts."""
CLEARLY = 1.08
"""So many times as quick as the choice so far: less is within the noise of these measurements."""
PROMISING = 1.15
"""Settings whose short turn takes more than so many times the best one's are not tried on a long turn."""
BATTERY_SHARE = 0.85
"""On battery so much of the decoding speed is enough."""
_ATTENTIONS: dict[str, dict[str, Any]] = {
    N_("F16, flash attention"): {"kv_cache_type": KvCacheType.F16, "flash_attention": True},
    N_("F16, plain attention"): {"kv_cache_type": KvCacheType.F16, "flash_attention": False},
    N_("F32, flash attention"): {"kv_cache_type": KvCacheType.F32, "flash_attention": True},
    N_("F32, plain attention"): {"kv_cache_type": KvCacheType.F32, "flash_attention": False},
}
_BATCHES: dict[str, dict[str, Any]] = {
    N_("batch of 32"): {"prefill_batch_tokens": 32},
    N_("batch of 128"): {"prefill_batch_tokens": 128},
}
_LOADING: dict[str, dict[str, Any]] = {
    N_("memory map"): {"load_mode": LoadMode.MAP, "repack": False},
    N_("locked"): {"load_mode": LoadMode.LOCK, "repack": True},
}
"""A map must be clearly quicker: its pages can be taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What there is to choose from."""

    processor: str
    cores: int
    """Physical."""
    logical_cores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Settings that were tried, and how long their turns took."""

    name: str
    """For a person, as `2 threads`."""
    options: EngineOptions
    trial: TurnTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """Settings that were measured quicker than those that were taken, by less than the noise."""

    name: str
    quicker_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningReport:
    """What was found."""

    tuning: Tuning
    winner: Candidate
    runner_up: Candidate | None
    """The next quickest of those that were measured like the winner."""
    within_noise: tuple["NotTaken", ...]
    """What was measured quicker than what was taken, but not clearly."""


class Measure(Protocol):
    """Measures one engine with these options. Raises SoroError."""

    def __call__(self, options: EngineOptions, *, long: bool) -> TurnTrial: ...


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
    measure: Measure,
    *,
    fits_memory: Callable[[EngineOptions], bool] = lambda _options: True,
    on_candidate: Callable[[Candidate], None] = lambda _candidate: None,
    clock: Callable[[], float] = time.monotonic,
) -> TuningReport:
    """The settings whose turns take the least time. Raises what `measure` raises."""
    return _Search(wanted, machine, measure, fits_memory, on_candidate, clock).run()


class _Search:
    """The quickest so far, and all that was tried."""

    def __init__(
        self,
        wanted: EngineOptions,
        machine: Machine,
        measure: Measure,
        fits_memory: Callable[[EngineOptions], bool],
        on_candidate: Callable[[Candidate], None],
        clock: Callable[[], float],
    ) -> None:
        self._base = replace(wanted, states_folder="", threads=None, prefill_threads=None)
        self._machine = machine
        self._measure = measure
        self._fits_memory = fits_memory
        self._on_candidate = on_candidate
        self._clock = clock
        self._ends = clock() + SECONDS
        self._tried: list[Candidate] = []
        self._within_noise: list[NotTaken] = []

    def run(self) -> TuningReport:
        by_threads = self._try_threads()
        likeliest = thread_counts(self._machine)[0]
        threads = self._best(by_threads, likeliest, lambda turn: turn.short.decode_seconds)
        prefill = self._best(by_threads, likeliest, lambda turn: turn.short.prefill_seconds)
        enough = by_threads[threads].trial.short.decode_seconds / BATTERY_SHARE
        saving = min(
            count
            for count, candidate in by_threads.items()
            if candidate.trial.short.decode_seconds <= enough
        )
        best = self._attempt(
            _("{count} threads").format(count=threads),
            replace(self._base, threads=threads, prefill_threads=prefill),
            long=True,
        )
        best = self._try_attentions(best)
        best = self._try_each(best, _BATCHES)
        best = self._try_each(best, _LOADING)
        return self._report(best, threads=threads, prefill_threads=prefill, battery_threads=saving)

    def _try_threads(self) -> dict[int, Candidate]:
        by_threads: dict[int, Candidate] = {}
        for count in thread_counts(self._machine):
            if not by_threads or self._clock() < self._ends - SECONDS / 2:
                by_threads[count] = self._attempt(
                    _("{count} threads").format(count=count),
                    replace(self._base, threads=count),
                    long=False,
                )
        return by_threads

    def _try_attentions(self, best: Candidate) -> Candidate:
        """Each kind of attention by a short turn, the promising ones by a long turn too."""
        screened: list[Candidate] = []
        in_use = (best.trial.kv_cache_type, best.trial.flash_attention)
        for name, changes in _ATTENTIONS.items():
            options = replace(best.options, **changes)
            if (options.kv_cache_type, options.flash_attention) == in_use:
                continue
            if self._has_time() and self._fits_memory(options):
                screened.append(self._attempt(_(name), options, long=False))
        screened.sort(key=lambda candidate: candidate.trial.short.seconds)
        for candidate in screened:
            ratio = candidate.trial.short.seconds / best.trial.short.seconds
            if ratio <= PROMISING and self._has_time():
                other = self._attempt(candidate.name, candidate.options, long=True)
                best = self._quicker(best, other)
        return best

    def _try_each(self, best: Candidate, choices: dict[str, dict[str, Any]]) -> Candidate:
        for name, changes in choices.items():
            options = replace(best.options, **changes)
            if self._has_time() and self._fits_memory(options):
                best = self._quicker(best, self._attempt(_(name), options, long=True))
        return best

    def _attempt(self, name: str, options: EngineOptions, *, long: bool) -> Candidate:
        trial = self._measure(options, long=long)
        candidate = Candidate(name=name, options=options, trial=trial)
        self._tried.append(candidate)
        self._on_candidate(candidate)
        return candidate

    def _has_time(self) -> bool:
        return self._clock() < self._ends

    def _quicker(self, best: Candidate, other: Candidate) -> Candidate:
        """The other one, where its turns are clearly quicker than the best one's."""
        gain = best.trial.seconds / other.trial.seconds
        if gain > CLEARLY:
            return other
        if gain > 1:
            self._not_taken(other.name, gain)
        return best

    def _best(
        self,
        candidates: dict[int, Candidate],
        likeliest: int,
        seconds: Callable[[TurnTrial], float],
    ) -> int:
        """The quickest number of threads, unless it is hardly quicker than the likeliest."""
        quickest = min(candidates, key=lambda count: seconds(candidates[count].trial))
        gain = seconds(candidates[likeliest].trial) / seconds(candidates[quickest].trial)
        if gain > CLEARLY:
            return quickest
        if gain > 1:
            self._not_taken(candidates[quickest].name, gain)
        return likeliest

    def _not_taken(self, name: str, gain: float) -> None:
        if all(other.name != name for other in self._within_noise):
            self._within_noise.append(NotTaken(name=name, quicker_percent=100 * (gain - 1)))

    def _report(
        self, best: Candidate, *, threads: int, prefill_threads: int, battery_threads: int
    ) -> TuningReport:
        measured_alike = sorted(
            (
                other
                for other in self._tried
                if other is not best and (other.trial.long is None) == (best.trial.long is None)
            ),
            key=lambda candidate: candidate.trial.seconds,
        )
        options = best.options
        return TuningReport(
            tuning=Tuning(
                processor=self._machine.processor,
                cores=self._machine.logical_cores,
                threads=threads,
                prefill_threads=prefill_threads,
                battery_threads=battery_threads,
                prefill_batch_tokens=options.prefill_batch_tokens,
                kv_cache_type=options.kv_cache_type,
                flash_attention=options.flash_attention,
                load_mode=options.load_mode,
                repack=options.repack,
            ),
            winner=best,
            runner_up=measured_alike[0] if measured_alike else None,
            within_noise=tuple(self._within_noise),
        )
