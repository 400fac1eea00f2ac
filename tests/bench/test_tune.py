"""`soro tune` takes the settings whose turns are clearly the quickest, within the memory and the time."""

import itertools
from dataclasses import replace

import pytest

from soro_edge.bench.tune import Candidate, Machine, TuningReport, thread_counts, tune
from soro_edge.bench.turn import TurnTime, TurnTrial
from soro_edge.engine.api import EngineOptions, KvCacheType, LoadMode

OPTIONS = EngineOptions(model_path="", states_folder="x", model_sha256="y")
FOUR_CORES = Machine(processor="p", cores=4, logical_cores=8)


class ScriptedMachine:
    """Computes how long turns take on an imagined processor; obeys `Measure`."""

    def __init__(
        self,
        *,
        f16_in_hardware: bool = True,
        seconds_by_threads: dict[int, float] | None = None,
        large_batches_help: bool = False,
    ) -> None:
        self._f16_in_hardware = f16_in_hardware
        self._seconds_by_threads = seconds_by_threads or {}
        self._large_batches_help = large_batches_help
        self.tried: list[EngineOptions] = []

    def __call__(self, options: EngineOptions, *, long: bool) -> TurnTrial:
        self.tried.append(options)
        automatic = KvCacheType.F16 if self._f16_in_hardware else KvCacheType.F32
        kv_cache_type = (
            automatic if options.kv_cache_type is KvCacheType.AUTO else options.kv_cache_type
        )
        flash = options.flash_attention
        flash = self._f16_in_hardware if flash is None else flash
        threads = options.threads or 1
        seconds = self._seconds_by_threads.get(threads, 12 / min(threads, 3))
        if options.load_mode is LoadMode.MAP:
            seconds *= 2
        # In software F16 costs the more the longer the conversation is.
        software = not self._f16_in_hardware and (kv_cache_type is KvCacheType.F16 or flash)
        plain_in_hardware = self._f16_in_hardware and not flash
        prefill = 0.7 if self._large_batches_help and options.prefill_batch_tokens == 128 else 1.0
        short = TurnTime(
            prefill_seconds=seconds * prefill,
            decode_seconds=seconds * (1.1 if software or plain_in_hardware else 1.0),
        )
        long_turn = TurnTime(
            prefill_seconds=3 * seconds * prefill,
            decode_seconds=seconds * (3.0 if software or plain_in_hardware else 1.2),
        )
        return TurnTrial(
            short=short,
            long=long_turn if long else None,
            kv_cache_type=kv_cache_type,
            flash_attention=flash,
            peak_bytes=1,
        )


def tuned(machine: ScriptedMachine, options: EngineOptions = OPTIONS) -> TuningReport:
    return tune(options, FOUR_CORES, machine, clock=lambda: 0.0)


def test_what_is_clearly_quicker_is_taken() -> None:
    report = tuned(ScriptedMachine(large_batches_help=True))
    found = report.tuning
    assert (found.threads, found.prefill_threads, found.battery_threads) == (3, 3, 3)
    assert found.prefill_batch_tokens == 128
    assert found.load_mode is LoadMode.READ


@pytest.mark.parametrize("f16_in_hardware", [True, False])
def test_where_the_rule_is_right_the_cache_goes_on_following_the_processor(
    f16_in_hardware: bool,
) -> None:
    found = tuned(ScriptedMachine(f16_in_hardware=f16_in_hardware)).tuning
    assert found.kv_cache_type is KvCacheType.AUTO
    assert found.flash_attention is None


def test_an_f32_cache_is_found_where_it_is_quicker_in_a_long_conversation() -> None:
    wanted = replace(OPTIONS, kv_cache_type=KvCacheType.F16, flash_attention=True)
    found = tuned(ScriptedMachine(f16_in_hardware=False), wanted).tuning
    assert (found.kv_cache_type, found.flash_attention) == (KvCacheType.F32, False)


def test_settings_that_do_not_fit_the_memory_are_not_tried() -> None:
    machine = ScriptedMachine(f16_in_hardware=False)
    wanted = replace(OPTIONS, kv_cache_type=KvCacheType.F16, flash_attention=True)
    report = tune(
        wanted,
        FOUR_CORES,
        machine,
        fits_memory=lambda options: options.kv_cache_type is KvCacheType.F16,
        clock=lambda: 0.0,
    )
    assert report.tuning.kv_cache_type is KvCacheType.F16
    assert all(options.kv_cache_type is KvCacheType.F16 for options in machine.tried)


def test_what_is_quicker_by_less_than_the_noise_is_named_and_not_taken() -> None:
    report = tuned(ScriptedMachine(seconds_by_threads={3: 4.0, 1: 3.8, 2: 5.0}))
    assert report.tuning.threads == 3
    [not_taken] = report.within_noise
    assert not_taken.name == "1 threads"
    assert not_taken.quicker_percent == pytest.approx(100 * (4.0 / 3.8 - 1))


def test_the_runner_up_was_measured_with_the_same_turns_and_is_not_quicker_clearly() -> None:
    report = tuned(ScriptedMachine())
    assert report.runner_up is not None and report.runner_up is not report.winner
    assert report.winner.trial.long and report.runner_up.trial.long
    assert report.runner_up.trial.seconds >= report.winner.trial.seconds


def test_the_attention_in_use_is_not_tried_a_second_time() -> None:
    machine = ScriptedMachine()
    tuned(machine)
    explicit = [
        options
        for options in machine.tried
        if (options.kv_cache_type, options.flash_attention) == (KvCacheType.F16, True)
    ]
    assert not explicit


def test_tuning_ends_after_its_time() -> None:
    clock, machine = itertools.count(0, 20.0), ScriptedMachine()
    told: list[Candidate] = []
    report = tune(
        OPTIONS, FOUR_CORES, machine, on_candidate=told.append, clock=lambda: float(next(clock))
    )
    assert len(told) == len(machine.tried) <= 6
    assert report.tuning.threads == 3


@pytest.mark.parametrize("cores", range(1, 9))
def test_a_core_is_left_where_there_is_one_to_leave(cores: int) -> None:
    counts = thread_counts(Machine(processor="p", cores=cores, logical_cores=cores))
    assert max(counts) == (cores - 1 if cores > 2 else cores)
