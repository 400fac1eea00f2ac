"""Of several files of one model, a processor below AVX2 gets the one that it decodes the fastest."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from soro_edge.engine import hardware
from soro_edge.gguf_header import GgufHeader, read_header
from soro_edge.stick.choosing import choose_model
from soro_edge.stick.manifest import StickManifest, StickModel, read_manifest, write_manifest
from soro_edge.stick.old_processors import (
    is_quick,
    model_family,
    slow_families,
    token_microseconds,
)

GB = 1_000_000_000


def header(name: str, **weights_by_type: int) -> GgufHeader:
    return GgufHeader(
        metadata={
            "general.architecture": "gemma3",
            "general.name": name,
            "gemma3.block_count": 18,
            "gemma3.embedding_length": 640,
            "gemma3.feed_forward_length": 2048,
        },
        need_bytes=1,
        pieces=32_768,
        weights_by_type=weights_by_type,
    )


ALL_Q4_0 = header("Soro 270M", Q4_0=82_000_000, Q8_0=21_000_000)
MIXED = header("Soro 270M", Q4_0=50_000_000, Q5_0=32_000_000, Q8_0=21_000_000)


def stick_model(name: str, source: GgufHeader, *, memory_bytes: int) -> StickModel:
    return StickModel(
        name=name,
        title=name,
        size_bytes=memory_bytes // 2,
        memory_bytes=memory_bytes,
        family=model_family(source),
        token_microseconds=token_microseconds(source),
    )


STICK = StickManifest(
    version="1.0",
    release=1,
    files=(),
    models=(
        stick_model("zz", ALL_Q4_0, memory_bytes=170_000_000),
        stick_model("aa-q4_0", MIXED, memory_bytes=190_000_000),
    ),
)
"""The names say the opposite of what the types say."""


def chosen(manifest: StickManifest, *, below_avx2: bool, memory_bytes: int = 4 * GB) -> str:
    model = choose_model(manifest, "", memory_bytes, below_avx2=below_avx2)
    assert model is not None
    return model.name


def test_with_avx2_the_larger_file_is_taken() -> None:
    assert chosen(STICK, below_avx2=False) == "aa-q4_0"


def test_below_avx2_the_file_with_the_quick_types_is_taken_whatever_it_is_called() -> None:
    assert chosen(STICK, below_avx2=True) == "zz"


def test_a_file_of_another_model_does_not_take_its_place() -> None:
    small = stick_model("small", header("Soro 100M", Q4_0=9_000_000), memory_bytes=100_000_000)
    manifest = replace(STICK, models=(*STICK.models, small))
    assert chosen(manifest, below_avx2=True) == "zz"


def test_the_same_types_leave_the_larger_file() -> None:
    twin = stick_model("twin", ALL_Q4_0, memory_bytes=180_000_000)
    manifest = replace(STICK, models=(STICK.models[0], twin))
    assert chosen(manifest, below_avx2=True) == "twin"


def test_a_stick_of_an_earlier_version_says_nothing_of_types_and_works_as_before() -> None:
    document = json.loads(write_manifest(STICK))
    for model in document["models"]:
        del model["family"], model["token_microseconds"]
    manifest = read_manifest(json.dumps(document).encode())
    assert chosen(manifest, below_avx2=True) == "aa-q4_0"


def test_a_stick_keeps_what_it_says_of_types() -> None:
    assert read_manifest(write_manifest(STICK)) == STICK


def test_a_type_that_nobody_measured_counts_as_the_slowest() -> None:
    assert token_microseconds(header("x", Q9_9=1_000_000)) >= max(
        token_microseconds(header("x", **{name: 1_000_000})) for name in ("Q5_0", "F16", "Q4_0")
    )
    assert not is_quick(header("x", Q9_9=1_000_000))


def test_a_model_without_a_quick_file_is_named() -> None:
    other = header("Soro 1B", Q5_0=600_000_000, Q8_0=38_000_000)
    assert slow_families([MIXED]) == ["Soro 270M"]
    assert slow_families([MIXED, ALL_Q4_0]) == []
    assert slow_families([ALL_Q4_0, other]) == ["Soro 1B"]


def test_a_real_header_says_how_many_weights_each_type_has(tiny_model: Path) -> None:
    read = read_header(tiny_model)
    assert sum(read.weights_by_type.values()) > 0
    assert model_family(read).startswith("gemma3 ")


@pytest.mark.parametrize(
    "flags, below", [("fpu sse4_2 avx", True), ("fpu sse4_2 avx avx2 fma", False), ("", False)]
)
def test_linux_says_whether_there_is_avx2(
    monkeypatch: pytest.MonkeyPatch, flags: str, below: bool
) -> None:
    facts = f"processor : 0\nflags\t\t: {flags}\n" if flags else "processor : 0\n"
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_named: facts)
    assert hardware.is_below_avx2() is below
