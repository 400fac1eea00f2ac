"""The KV cache's type and the attention follow what the loaded CPU backend says of itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from soro_edge.engine import model, native
from soro_edge.engine.api import (
    EngineOptions,
    Finished,
    GenerationRequest,
    KvCacheType,
    Prompt,
    Text,
)
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.model import resolve_attention
from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3

AUTO = EngineOptions(model_path="")


class Backend:
    """llama.cpp's answer about the CPU backend that it loaded."""

    def __init__(self, features: str) -> None:
        self._features = features

    def llama_print_system_info(self) -> bytes:
        return self._features.encode()


@pytest.mark.parametrize(
    "features, expected",
    [
        ("CPU : SSE3 = 1 | SSSE3 = 1 | REPACK = 1 | ", False),
        ("CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | ", False),
        ("CPU : SSE3 = 1 | AVX = 1 | F16C = 1 | ", True),
        ("", False),
    ],
    ids=["sse42", "sandybridge", "ivybridge", "x64"],
)
def test_the_backend_is_asked_for_f16c_and_not_the_processor(
    monkeypatch: pytest.MonkeyPatch, features: str, expected: bool
) -> None:
    monkeypatch.setattr(native, "lib", Backend(features))
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    assert native.converts_f16_in_hardware() is expected


def test_other_kinds_of_processor_have_instructions_for_f16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native, "lib", Backend("CPU : NEON = 1 | ARM_FMA = 1 | "))
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert native.converts_f16_in_hardware()


def test_without_f16_in_hardware_the_cache_is_f32_with_plain_attention() -> None:
    options = resolve_attention(AUTO, f16_in_hardware=False)
    assert (options.kv_cache_type, options.flash_attention) == (KvCacheType.F32, False)


def test_with_f16_in_hardware_the_cache_is_f16_with_flash_attention() -> None:
    options = resolve_attention(AUTO, f16_in_hardware=True)
    assert (options.kv_cache_type, options.flash_attention) == (KvCacheType.F16, True)


def test_where_memory_left_room_for_f16_only_the_attention_is_still_plain() -> None:
    wanted = replace(AUTO, kv_cache_type=KvCacheType.F16)
    options = resolve_attention(wanted, f16_in_hardware=False)
    assert (options.kv_cache_type, options.flash_attention) == (KvCacheType.F16, False)


def test_what_was_chosen_is_not_changed() -> None:
    chosen = replace(AUTO, kv_cache_type=KvCacheType.F32, flash_attention=True)
    for f16_in_hardware in (False, True):
        assert resolve_attention(chosen, f16_in_hardware=f16_in_hardware) == chosen


def read_whole(engine: LlamaEngine, prompt: Prompt, *, lasting: bool = False) -> None:
    engine.prepare(prompt, lasting=lasting)
    while engine.read_ahead():
        pass


PROMPT = (Text("Офтоб аз паси кӯҳ баромад ва дарё равшан шуд. " * 2),)


@pytest.mark.native
def test_a_loaded_model_has_the_cache_that_it_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write_tiny_gemma3(tmp_path / "tiny.gguf")
    state_bytes = {}
    for f16_in_hardware in (False, True):
        monkeypatch.setattr(model, "converts_f16_in_hardware", lambda told=f16_in_hardware: told)
        engine = LlamaEngine(EngineOptions(model_path=str(path), context_tokens=256, threads=1))
        try:
            info = engine.load()
            assert info.f16_in_hardware is f16_in_hardware
            assert info.flash_attention is f16_in_hardware
            read_whole(engine, PROMPT)
            state_bytes[info.kv_cache_type] = len(engine.cache.state())
        finally:
            engine.close()
    ratio = state_bytes[KvCacheType.F32] / state_bytes[KvCacheType.F16]
    assert 1.8 < ratio <= 2


@pytest.mark.native
def test_a_saved_state_of_another_cache_type_is_not_taken(tmp_path: Path) -> None:
    path = write_tiny_gemma3(tmp_path / "tiny.gguf", context_tokens=1024)

    def reused_tokens(kv_cache_type: KvCacheType) -> int:
        """What a new engine finds of the prompt on the disk, before it saves its own."""
        engine = LlamaEngine(
            EngineOptions(
                model_path=str(path),
                context_tokens=512,
                threads=1,
                kv_cache_type=kv_cache_type,
                flash_attention=False,
                states_folder=str(tmp_path / "states"),
                model_sha256="0" * 64,
            )
        )
        try:
            request = GenerationRequest(prompt=PROMPT, max_tokens=1)
            *_rest, finished = engine.generate(request)
            assert isinstance(finished, Finished)
            read_whole(engine, PROMPT, lasting=True)
            return finished.statistics.reused_tokens
        finally:
            engine.close()

    assert reused_tokens(KvCacheType.F16) == 0
    assert reused_tokens(KvCacheType.F32) == 0
    assert reused_tokens(KvCacheType.F16) > 0
