"""The INT grids: codes and scales survive GGUF's blocks, and each block's scale is about the best one."""

import ctypes
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import quants
from llama_cpp import llama_cpp
from numpy.typing import NDArray

from convert.native.ggml import decoded
from convert.quantize import block_formats as block_formats
from convert.quantize.block_formats import (
    BLOCK,
    BLOCK_FORMATS,
    BlockFormat,
    QuantizedValues,
    Scales,
)
from convert.quantize.compiled import compiled
from convert.weights import Matrix

every_format = pytest.mark.parametrize(
    "block_format", BLOCK_FORMATS.values(), ids=lambda block_format: block_format.type.name
)
every_uniform_format = pytest.mark.parametrize(
    "block_format",
    [block_format for block_format in BLOCK_FORMATS.values() if not block_format.levels],
    ids=lambda block_format: block_format.type.name,
)
ROWS, COLUMNS = 48, 256


def _random(block_format: BlockFormat) -> tuple[QuantizedValues, Scales]:
    random = np.random.default_rng(1)
    codes = random.choice(block_format.values, (ROWS, COLUMNS))
    scales = random.normal(size=(ROWS, COLUMNS // BLOCK)) * 0.01
    return codes, scales.astype(np.float16).astype(np.float32)


def _extreme(block_format: BlockFormat) -> tuple[QuantizedValues, Scales]:
    """The ends of the grid and zeros, with zero, smallest and largest scales in F16."""
    middle = len(block_format.values) // 2
    ends = [
        block_format.lowest,
        block_format.highest,
        *block_format.values[middle - 1 : middle + 2],
    ]
    codes = np.resize(np.array(ends, dtype=np.int8), (ROWS, COLUMNS))
    limits = np.finfo(np.float16)
    scales = [0.0, limits.smallest_subnormal, limits.tiny, limits.max, limits.min]
    return codes, np.resize(np.array(scales, dtype=np.float32), (ROWS, COLUMNS // BLOCK))


def _weights() -> Matrix:
    """Rows of very different size, some with outliers, as models have them."""
    random = np.random.default_rng(2)
    weights = random.standard_t(4, size=(ROWS, COLUMNS)) * random.lognormal(-4, 1, size=(ROWS, 1))
    return weights.astype(np.float32)


def _error(weights: Matrix, data: NDArray[np.uint8], block_format: BlockFormat) -> float:
    """As ggml's own search counts it."""
    importance = np.sqrt(np.square(weights) + np.square(weights).mean(axis=1, keepdims=True))
    return float((importance * np.square(weights - decoded(data, block_format.type))).sum())


@every_format
@pytest.mark.parametrize("made", [_random, _extreme])
def test_packed_blocks_are_read_as_codes_times_scales(
    block_format: BlockFormat, made: Callable[[BlockFormat], tuple[QuantizedValues, Scales]]
) -> None:
    codes, scales = made(block_format)
    read = quants.dequantize(block_format.pack(codes, scales), block_format.type)
    np.testing.assert_array_equal(read, codes.astype(np.float32) * np.repeat(scales, BLOCK, axis=1))


@every_format
def test_zeros_stay_zeros_beside_other_weights(block_format: BlockFormat) -> None:
    weights = _weights()
    weights[3] = 0
    weights[5, BLOCK : 2 * BLOCK] = 0
    read = decoded(block_format.encode(weights), block_format.type)
    assert not read[3].any()
    assert not read[5, BLOCK : 2 * BLOCK].any()
    assert read[5, :BLOCK].any()


@every_format
def test_codes_are_the_nearest_within_the_grid(block_format: BlockFormat) -> None:
    values = np.random.default_rng(4).uniform(-150, 150, 5000).astype(np.float32)
    off = np.abs(values - block_format.codes(values, np.ones_like(values)))
    nearest = np.abs(values[:, None] - block_format.values).min(axis=1)
    # A level's limits are known to a quarter.
    np.testing.assert_allclose(off, nearest, atol=0.5 if block_format.levels else 0)


@every_uniform_format
def test_beyond_the_grid_its_ends_are_nearest(block_format: BlockFormat) -> None:
    values = np.array([0.24, 0.26, -0.26, 1e6, -1e6, 0.7], dtype=np.float32)
    scales = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0], dtype=np.float32)
    assert block_format.codes(values, scales).tolist() == [
        0,
        1,
        -1,
        block_format.highest,
        block_format.lowest,
        0,
    ]


@every_format
def test_weights_on_the_grid_come_back(block_format: BlockFormat) -> None:
    """Where the block's largest code is at the end of the grid that reaches farther."""
    codes, scales = _random(block_format)
    codes[:, ::BLOCK] = block_format.lowest
    weights = codes.astype(np.float32) * np.repeat(scales, BLOCK, axis=1)
    np.testing.assert_array_equal(decoded(block_format.encode(weights), block_format.type), weights)


@every_uniform_format
def test_an_encoded_matrix_is_no_farther_off_than_with_plain_scales(
    block_format: BlockFormat,
) -> None:
    weights = _weights()
    plain = quants.quantize(weights, block_format.type)
    assert _error(weights, block_format.encode(weights), block_format) <= _error(
        weights, plain, block_format
    )


@every_format
def test_a_row_is_encoded_alike_whatever_is_beside_it(
    block_format: BlockFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = _weights()
    together = block_format.encode(weights)
    monkeypatch.setattr(block_formats, "_TILE_WEIGHTS", 5 * COLUMNS)
    np.testing.assert_array_equal(block_format.encode(weights), together)
    np.testing.assert_array_equal(block_format.encode(weights[7:8]), together[7:8])


@every_format
def test_importance_decides_which_errors_count(block_format: BlockFormat) -> None:
    weights = _weights()
    importance = np.ones(COLUMNS, dtype=np.float32)
    importance[::4] = 1000

    def error(scales: Scales) -> float:
        spread = np.repeat(scales, BLOCK, axis=1)
        off = weights - spread * block_format.codes(weights, spread)
        return float((importance * np.square(off)).sum())

    assert error(block_format.scales(weights, importance)) < error(
        block_format.scales(weights, np.ones_like(importance))
    )


@pytest.mark.native
@every_format
def test_an_encoded_matrix_is_as_close_as_ggmls_own_search_makes_it(
    block_format: BlockFormat,
) -> None:
    weights = _weights()
    theirs = np.empty_like(block_format.encode(weights))
    quantize = getattr(llama_cpp._lib, "ggml_quantize_chunk", None)
    if quantize is None:
        pytest.skip("this build of llama.cpp hides ggml's functions")
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
    ]  # fmt: skip
    importance = np.ones(COLUMNS, dtype=np.float32)
    written = quantize(
        int(block_format.type), weights.ctypes.data, theirs.ctypes.data,
        0, ROWS, COLUMNS, importance.ctypes.data,
    )  # fmt: skip
    assert written == theirs.nbytes
    ours = _error(weights, block_format.encode(weights), block_format)
    assert ours <= 1.01 * _error(weights, theirs, block_format)


def _awkward() -> Matrix:
    """Blocks of nothing, of a single weight, too small for F16 and for float32, and a number of rows that no
    vector holds."""
    weights = _weights()[:37]
    weights[3] = 0
    weights[4, 1:BLOCK] = 0
    weights[5] *= np.float32(1e-9)
    weights[6] *= np.float32(1e-42)
    return weights


needs_compiler = pytest.mark.skipif(compiled() is None, reason="there is no C compiler here")


@needs_compiler
@every_uniform_format
def test_compiled_and_numpys_search_make_the_same_bytes(
    block_format: BlockFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = _awkward()
    importance = np.random.default_rng(3).lognormal(size=COLUMNS).astype(np.float32)
    packed, scales = block_format.encode(weights), block_format.scales(weights, importance)
    monkeypatch.setattr(block_formats, "compiled", lambda: None)
    np.testing.assert_array_equal(block_format.encode(weights), packed)
    np.testing.assert_array_equal(block_format.scales(weights, importance), scales)


def test_without_a_compiler_there_is_no_compiled_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert compiled.__wrapped__() is None


def test_a_compiler_that_fails_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiled.__wrapped__() is None


def test_a_compiler_that_hangs_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "cc"
    hanging.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("convert.quantize.compiled.COMPILER_SECONDS", 0.01)
    assert compiled.__wrapped__() is None


def test_nowhere_to_build_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_folder(**_options: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", no_folder)
    assert compiled.__wrapped__() is None


@needs_compiler
@every_uniform_format
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_number_does_not_become_zeros(
    block_format: BlockFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped bit makes a weight whose square no float32 holds: nobody would find a row of zeros."""
    weights = _weights()
    weights[3, 40] = 1e37
    packed = block_format.encode(weights)
    assert np.isnan(decoded(packed, block_format.type)[3]).any()
    monkeypatch.setattr(block_formats, "compiled", lambda: None)
    np.testing.assert_array_equal(
        decoded(block_format.encode(weights), block_format.type), decoded(packed, block_format.type)
    )


@every_format
def test_weights_too_small_for_any_scale_become_zeros(block_format: BlockFormat) -> None:
    read = decoded(block_format.encode(_awkward()), block_format.type)
    assert np.isfinite(read).all()
    assert not read[6].any()
