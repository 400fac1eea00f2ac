"""Laws of memory and tuning: counted before loading, made to fit, used only where it was measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from soro_edge.bench.trial import run_trial
from soro_edge.engine.api import EngineOptions, KvCacheType
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
    plan = plan_memory(GEMMA_1B, replace(OPTIONS, kv_cache_type=KvCacheType.F16))
    # 4 global layers of 2048 cells, 22 of 768 (512 and a batch, in steps of 256), a kilobyte each.
    assert plan.cache_bytes == (4 * 2048 + 22 * 768) * 1024
    assert 500e6 < plan.total_bytes < 540e6


def test_an_f32_cache_is_counted_double_and_so_is_one_that_may_become_f32() -> None:
    half = plan_memory(GEMMA_1B, replace(OPTIONS, kv_cache_type=KvCacheType.F16))
    for kv_cache_type in (KvCacheType.F32, KvCacheType.AUTO):
        plan = plan_memory(GEMMA_1B, replace(OPTIONS, kv_cache_type=kv_cache_type))
        assert plan.cache_bytes == 2 * half.cache_bytes


@pytest.mark.parametrize("wanted", [KvCacheType.AUTO, KvCacheType.F32])
def test_where_an_f32_cache_does_not_fit_the_cache_becomes_f16_and_nothing_else_changes(
    wanted: KvCacheType,
) -> None:
    options = replace(OPTIONS, kv_cache_type=wanted)
    half = replace(OPTIONS, kv_cache_type=KvCacheType.F16)
    need = plan_memory(GEMMA_1B, half).total_bytes
    assert fit_memory(GEMMA_1B, options, need) == half
    assert fit_memory(GEMMA_1B, options, plan_memory(GEMMA_1B, options).total_bytes) == options


@pytest.mark.native
@pytest.mark.parametrize("kv_cache_type", [KvCacheType.F16, KvCacheType.F32])
def test_the_starter_model_takes_what_was_counted(
    tmp_path: Path, kv_cache_type: KvCacheType
) -> None:
    folder = ModelFolder(paths=find_paths())
    path = folder.file(folder.find("smollm2-135m-instruct"))
    options = replace(
        OPTIONS,
        model_path=str(path),
        kv_cache_type=kv_cache_type,
        checkpoint_bytes=0,
        states_folder="",
    )
    trial = run_trial(options, tmp_path / "engine.log", sentences=8, tokens=2)
    plan = plan_memory(read_header(path), options)
    assert trial.peak_bytes <= plan.total_bytes <= trial.peak_bytes * 1.15


def test_what_is_only_quick_goes_before_the_context() -> None:
    free = [600e6, 525e6, 510e6, 500e6, 0]
    wanted = replace(OPTIONS, kv_cache_type=KvCacheType.F16)
    fitted = [fit_memory(GEMMA_1B, wanted, int(one)) for one in free]
    assert fitted[0] == wanted
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


@pytest.mark.parametrize("value", ["q8_0", None, 16])
def test_a_tuning_with_a_cache_type_that_there_is_not_is_no_tuning(
    tmp_path: Path, value: object
) -> None:
    file = tmp_path / "tuning.json"
    write_tuning(file, TUNING)
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, "kv_cache_type": value}))
    assert read_tuning(file) is None


def test_a_tuning_of_an_earlier_version_is_as_if_nothing_had_been_measured(tmp_path: Path) -> None:
    file = tmp_path / "tuning.json"
    write_tuning(file, TUNING)
    stored = json.loads(file.read_text())
    del stored["kv_cache_type"]
    file.write_text(json.dumps({**stored, "flash_attention": True}))
    assert read_tuning(file) is None


def test_a_setting_of_the_person_stands_above_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soro_edge.engine.tuning.on_battery", lambda: False)
    tuned = TUNING.apply(OPTIONS)
    assert (tuned.threads, tuned.prefill_threads, tuned.prefill_batch_tokens) == (3, 4, 128)
    assert TUNING.apply(replace(OPTIONS, threads=1)).threads == 1
    monkeypatch.setattr("soro_edge.engine.tuning.on_battery", lambda: True)
    assert TUNING.apply(OPTIONS).threads == 2


def test_loading_tells_megabytes_and_the_time_left() -> None:
    clock = iter([0.0, 0.5, 10.0])
    progress = LoadingProgress(400_000_000, clock=lambda: next(clock))
    assert progress.line(0.0) == "0 of 400 MB"
    assert progress.line(0.1) == "40 of 400 MB"
    assert progress.line(0.5) == "200 of 400 MB, 10 s left"
