"""Laws of memory and tuning: counted before loading, made to fit, used only where it was measured."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from soro_edge.bench.trial import Trial, run_trial
from soro_edge.bench.tune import Machine, thread_counts, tune
from soro_edge.engine.api import EngineOptions, LoadMode
from soro_edge.engine.progress import LoadingProgress
from soro_edge.engine.tuning import read_tuning, write_tuning
from soro_edge.gguf_header import GgufHeader, read_header
from soro_edge.memory import fit_memory, plan_memory
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths
from tests.engine.measured import TUNING

GEMMA_1B = GgufHeader(
    metadata={
        "general.architecture": "gemma3",
        "gemma3.block_count": 26,
        "gemma3.embedding_length": 1152,
        "gemma3.feed_forward_length": 6912,
        "gemma3.attention.head_count": 4,
        "gemma3.attention.head_count_kv": 1,
        "gemma3.attention.key_length": 256,
        "gemma3.attention.sliding_window": 512,
    },
    need_bytes=434_000_000,
    pieces=32_768,
)
OPTIONS = EngineOptions(model_path="", context_tokens=2048, states_folder="x", model_sha256="y")


def test_1b_is_counted_as_llama_cpp_counts_it() -> None:
    plan = plan_memory(GEMMA_1B, OPTIONS)
    # 4 global layers of 2048 cells, 22 of 768 (512 and a batch, in steps of 256), a kilobyte each.
    assert plan.cache_bytes == (4 * 2048 + 22 * 768) * 1024
    assert 500e6 < plan.total_bytes < 540e6


@pytest.mark.native
def test_the_starter_model_takes_what_was_counted(tmp_path: Path) -> None:
    folder = ModelFolder(paths=find_paths())
    path = folder.file(folder.find("smollm2-135m-instruct"))
    options = replace(OPTIONS, model_path=str(path), checkpoint_bytes=0, states_folder="")
    trial = run_trial(options, tmp_path / "engine.log", sentences=8, tokens=2)
    plan = plan_memory(read_header(path), options)
    assert trial.peak_bytes <= plan.total_bytes <= trial.peak_bytes * 1.15


def test_what_is_only_quick_goes_before_the_context() -> None:
    free = [600e6, 525e6, 510e6, 500e6, 0]
    fitted = [fit_memory(GEMMA_1B, OPTIONS, int(one)) for one in free]
    assert fitted[0] == OPTIONS
    assert fitted[1].checkpoint_bytes == 0 and fitted[1].context_tokens == 2048
    for options, room in zip(fitted[:4], free, strict=False):
        assert plan_memory(GEMMA_1B, options).total_bytes <= room or options.context_tokens == 512
    sizes = [plan_memory(GEMMA_1B, options).total_bytes for options in fitted]
    assert sizes == sorted(sizes, reverse=True)
    assert fitted[-1].context_tokens == 512


def test_tuning_is_used_on_its_own_processor_only(tmp_path: Path) -> None:
    file = tmp_path / "tuning.json"
    assert read_tuning(file) is None
    write_tuning(file, TUNING)
    assert read_tuning(file) == TUNING
    write_tuning(file, replace(TUNING, processor="another"))
    assert read_tuning(file) is None
    for damage in ("", "[]", '{"processor": 1}'):
        file.write_text(damage)
        assert read_tuning(file) is None


def test_a_setting_of_the_person_stands_above_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soro_edge.engine.tuning.on_battery", lambda: False)
    tuned = TUNING.apply(OPTIONS)
    assert (tuned.threads, tuned.prefill_threads, tuned.prefill_batch_tokens) == (3, 4, 128)
    assert TUNING.apply(replace(OPTIONS, threads=1)).threads == 1
    monkeypatch.setattr("soro_edge.engine.tuning.on_battery", lambda: True)
    assert TUNING.apply(OPTIONS).threads == 2


def speeds(options: EngineOptions) -> Trial:
    """Three threads are best; batches of 128 read quicker; a map is slow."""
    threads = options.threads or 1
    reading = 100.0 * min(threads, 3) * (1.3 if options.prefill_batch_tokens == 128 else 1.0)
    slow = 0.5 if options.load_mode is LoadMode.MAP else 1.0
    return Trial(
        load_seconds=1.0,
        prefill_tokens_per_second=reading * slow,
        tokens_per_second=10.0 * min(threads, 3) * slow,
        first_token_seconds=1.0,
        peak_bytes=1,
    )


def test_tuning_takes_what_is_clearly_quicker() -> None:
    machine = Machine(processor="p", cores=4, logical_cores=8)
    found = tune(OPTIONS, machine, speeds, lambda name, trial: None, clock=lambda: 0.0)
    assert (found.threads, found.prefill_threads, found.battery_threads) == (3, 3, 3)
    assert found.prefill_batch_tokens == 128 and found.load_mode is LoadMode.READ


def test_tuning_ends_after_its_minute() -> None:
    clock, tried = itertools.count(0, 20.0), []

    def attempt(options: EngineOptions) -> Trial:
        tried.append(options)
        return speeds(options)

    machine = Machine(processor="p", cores=8, logical_cores=8)
    tune(OPTIONS, machine, attempt, lambda name, trial: None, clock=lambda: next(clock))
    assert 1 <= len(tried) <= 4


@pytest.mark.parametrize("cores", range(1, 9))
def test_a_core_is_left_where_there_is_one_to_leave(cores: int) -> None:
    counts = thread_counts(Machine(processor="p", cores=cores, logical_cores=cores))
    assert max(counts) == (cores - 1 if cores > 2 else cores)


def test_loading_tells_megabytes_and_the_time_left() -> None:
    clock = iter([0.0, 0.5, 10.0])
    progress = LoadingProgress(400_000_000, clock=lambda: next(clock))
    assert progress.line(0.0) == "0 of 400 MB"
    assert progress.line(0.1) == "40 of 400 MB"
    assert progress.line(0.5) == "200 of 400 MB, 10 s left"
