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
from convert.quantize import block_formats as grids
from convert.quantize.block_formats import BLOCK, GRIDS, Codes, Grid, Scales
from convert.quantize.compiled import compiled
from convert.weights import Matrix

every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=lambda grid: grid.type.name)
every_whole_grid = pytest.mark.parametrize(
    "grid", [grid for grid in GRIDS.values() if not grid.levels], ids=lambda grid: grid.type.name
)
ROWS, COLUMNS = 48, 256


def _random(grid: Grid) -> tuple[Codes, Scales]:
    random = np.random.default_rng(1)
    codes = random.choice(grid.values, (ROWS, COLUMNS))
    scales = random.normal(size=(ROWS, COLUMNS // BLOCK)) * 0.01
    return codes, scales.astype(np.float16).astype(np.float32)


def _extreme(grid: Grid) -> tuple[Codes, Scales]:
    """The ends of the grid and zeros, with zero, smallest and largest scales in F16."""
    middle = len(grid.values) // 2
    ends = [grid.lowest, grid.highest, *grid.values[middle - 1 : middle + 2]]
    codes = np.resize(np.array(ends, dtype=np.int8), (ROWS, COLUMNS))
    limits = np.finfo(np.float16)
    scales = [0.0, limits.smallest_subnormal, limits.tiny, limits.max, limits.min]
    return codes, np.resize(np.array(scales, dtype=np.float32), (ROWS, COLUMNS // BLOCK))


def _weights() -> Matrix:
    """Rows of very different size, some with outliers, as models have them."""
    random = np.random.default_rng(2)
    weights = random.standard_t(4, size=(ROWS, COLUMNS)) * random.lognormal(-4, 1, size=(ROWS, 1))
    return weights.astype(np.float32)


def _error(weights: Matrix, data: NDArray[np.uint8], grid: Grid) -> float:
    """As ggml's own search counts it."""
    importance = np.sqrt(np.square(weights) + np.square(weights).mean(axis=1, keepdims=True))
    return float((importance * np.square(weights - decoded(data, grid.type))).sum())


@every_grid
@pytest.mark.parametrize("made", [_random, _extreme])
def test_packed_blocks_are_read_as_codes_times_scales(
    grid: Grid, made: Callable[[Grid], tuple[Codes, Scales]]
) -> None:
    codes, scales = made(grid)
    read = quants.dequantize(grid.pack(codes, scales), grid.type)
    np.testing.assert_array_equal(read, codes.astype(np.float32) * np.repeat(scales, BLOCK, axis=1))


@every_grid
def test_zeros_stay_zeros_beside_other_weights(grid: Grid) -> None:
    weights = _weights()
    weights[3] = 0
    weights[5, BLOCK : 2 * BLOCK] = 0
    read = decoded(grid.encode(weights), grid.type)
    assert not read[3].any()
    assert not read[5, BLOCK : 2 * BLOCK].any()
    assert read[5, :BLOCK].any()


@every_grid
def test_codes_are_the_nearest_within_the_grid(grid: Grid) -> None:
    values = np.random.default_rng(4).uniform(-150, 150, 5000).astype(np.float32)
    off = np.abs(values - grid.codes(values, np.ones_like(values)))
    nearest = np.abs(values[:, None] - grid.values).min(axis=1)
    # A level's limits are known to a quarter.
    np.testing.assert_allclose(off, nearest, atol=0.5 if grid.levels else 0)


@every_whole_grid
def test_beyond_the_grid_its_ends_are_nearest(grid: Grid) -> None:
    values = np.array([0.24, 0.26, -0.26, 1e6, -1e6, 0.7], dtype=np.float32)
    scales = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0], dtype=np.float32)
    assert grid.codes(values, scales).tolist() == [0, 1, -1, grid.highest, grid.lowest, 0]


@every_grid
def test_weights_on_the_grid_come_back(grid: Grid) -> None:
    """Where the block's largest code is at the end of the grid that reaches farther."""
    codes, scales = _random(grid)
    codes[:, ::BLOCK] = grid.lowest
    weights = codes.astype(np.float32) * np.repeat(scales, BLOCK, axis=1)
    np.testing.assert_array_equal(decoded(grid.encode(weights), grid.type), weights)


@every_whole_grid
def test_an_encoded_matrix_is_no_farther_off_than_with_plain_scales(grid: Grid) -> None:
    weights = _weights()
    plain = quants.quantize(weights, grid.type)
    assert _error(weights, grid.encode(weights), grid) <= _error(weights, plain, grid)


@every_grid
def test_a_row_is_encoded_alike_whatever_is_beside_it(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = _weights()
    together = grid.encode(weights)
    monkeypatch.setattr(grids, "_TILE_WEIGHTS", 5 * COLUMNS)
    np.testing.assert_array_equal(grid.encode(weights), together)
    np.testing.assert_array_equal(grid.encode(weights[7:8]), together[7:8])


@every_grid
def test_importance_decides_which_errors_count(grid: Grid) -> None:
    weights = _weights()
    importance = np.ones(COLUMNS, dtype=np.float32)
    importance[::4] = 1000

    def error(scales: Scales) -> float:
        spread = np.repeat(scales, BLOCK, axis=1)
        off = weights - spread * grid.codes(weights, spread)
        return float((importance * np.square(off)).sum())

    assert error(grid.scales(weights, importance)) < error(
        grid.scales(weights, np.ones_like(importance))
    )


@pytest.mark.native
@every_grid
def test_an_encoded_matrix_is_as_close_as_ggmls_own_search_makes_it(grid: Grid) -> None:
    weights = _weights()
    theirs = np.empty_like(grid.encode(weights))
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
        int(grid.type), weights.ctypes.data, theirs.ctypes.data,
        0, ROWS, COLUMNS, importance.ctypes.data,
    )  # fmt: skip
    assert written == theirs.nbytes
    ours = _error(weights, grid.encode(weights), grid)
    assert ours <= 1.01 * _error(weights, theirs, grid)


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
@every_whole_grid
def test_compiled_and_numpys_search_make_the_same_bytes(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = _awkward()
    importance = np.random.default_rng(3).lognormal(size=COLUMNS).astype(np.float32)
    packed, scales = grid.encode(weights), grid.scales(weights, importance)
    monkeypatch.setattr(grids, "compiled", lambda: None)
    np.testing.assert_array_equal(grid.encode(weights), packed)
    np.testing.assert_array_equal(grid.scales(weights, importance), scales)


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
@every_whole_grid
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_number_does_not_become_zeros(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flipped bit makes a weight whose square no float32 holds: nobody would find a row of zeros."""
    weights = _weights()
    weights[3, 40] = 1e37
    packed = grid.encode(weights)
    assert np.isnan(decoded(packed, grid.type)[3]).any()
    monkeypatch.setattr(grids, "compiled", lambda: None)
    np.testing.assert_array_equal(
        decoded(grid.encode(weights), grid.type), decoded(packed, grid.type)
    )


@every_grid
def test_weights_too_small_for_any_scale_become_zeros(grid: Grid) -> None:
    read = decoded(grid.encode(_awkward()), grid.type)
    assert np.isfinite(read).all()
    assert not read[6].any()
