"""Rounding for given inputs: each step makes the outputs closer, and the result is always the same one."""

import numpy as np
import pytest

from convert.errors import ConversionError
from convert.native.ggml import decoded
from convert.quantize import gptq as rounding
from convert.quantize.block_formats import BLOCK, GRIDS, Q4_0, Grid
from convert.quantize.cholesky import cholesky, solved
from convert.quantize.gptq import Hessian, Prepared, damped, loss, round_matrix, with_damping
from convert.weights import Matrix

every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=lambda grid: grid.type.name)
ROWS, COLUMNS = 40, 320
"""More columns than are compensated or solved together."""


def _hessian(seed: int = 1, *, inputs: int = 2000, columns: int = COLUMNS) -> Hessian:
    """Of inputs that depend on each other and differ in size, as a model's do."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(columns // 8, columns))
    seen = random.normal(size=(inputs, columns // 8)) @ mixing
    seen += random.normal(size=(inputs, columns))
    seen *= random.lognormal(0, 0.5, size=columns)
    return np.asarray(seen.T @ seen / inputs, dtype=np.float32)


def _weights() -> Matrix:
    return np.random.default_rng(2).normal(size=(ROWS, COLUMNS)).astype(np.float32)


@every_grid
def test_compensation_and_then_descent_each_lose_less(grid: Grid) -> None:
    weights, hessian = _weights(), damped(_hessian(), 0.01)
    prepared = Prepared.of(hessian)
    alone = loss(weights, decoded(grid.encode(weights), grid.type), hessian)
    compensated = loss(weights, round_matrix(weights, prepared, grid, sweeps=0).weights(), hessian)
    descended = loss(weights, round_matrix(weights, prepared, grid, sweeps=2).weights(), hessian)
    assert 0.7 * alone > compensated > descended > 0


@every_grid
def test_weights_on_the_grid_come_back(grid: Grid) -> None:
    """Where a block has the code that reaches farthest."""
    random = np.random.default_rng(3)
    codes = random.choice(grid.values, (ROWS, COLUMNS)).astype(np.float32)
    codes[:, ::BLOCK] = grid.lowest
    scales = random.uniform(0.01, 0.1, (ROWS, COLUMNS // BLOCK)).astype(np.float16)
    weights = codes * np.repeat(scales.astype(np.float32), BLOCK, axis=1)
    rounded = round_matrix(weights, Prepared.of(damped(_hessian(), 0.01)), grid)
    np.testing.assert_array_equal(rounded.weights(), weights)


@every_grid
def test_packed_it_is_worth_what_it_says(grid: Grid) -> None:
    rounded = round_matrix(_weights(), Prepared.of(damped(_hessian(), 0.01)), grid)
    np.testing.assert_array_equal(decoded(rounded.packed(), grid.type), rounded.weights())
    assert grid.lowest <= rounded.codes.min() < rounded.codes.max() <= grid.highest


def test_zero_rows_stay_zero() -> None:
    weights = _weights()
    weights[4] = 0
    rounded = round_matrix(weights, Prepared.of(damped(_hessian(), 0.01)), Q4_0)
    assert not rounded.weights()[4].any()


def test_the_loss_is_the_trace_over_all_rows() -> None:
    weights, hessian = _weights(), _hessian()
    rounded = np.round(weights, 1)
    error = (weights - rounded).astype(np.float64)
    expected = float(np.trace(error @ hessian @ error.T))
    assert loss(weights, rounded, hessian) == pytest.approx(expected, rel=1e-4)
    assert loss(weights, weights, hessian) == 0


@pytest.mark.parametrize("columns", [32, 320, 512])
def test_the_factor_is_lapacks(columns: int) -> None:
    matrix = damped(_hessian(columns=columns), 0.01)
    expected = np.linalg.cholesky(matrix.astype(np.float64))
    np.testing.assert_allclose(cholesky(matrix), expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize("columns", [32, 320])
def test_a_solved_equation_holds(columns: int) -> None:
    matrix = damped(_hessian(columns=columns), 0.1)
    wanted = np.random.default_rng(4).normal(size=(7, columns)).astype(np.float32)
    before = wanted.copy()
    np.testing.assert_allclose(solved(matrix, wanted) @ matrix, before, atol=1e-3)
    np.testing.assert_array_equal(wanted, before)


@pytest.mark.parametrize("inputs", [0, 1, 50])
def test_damping_makes_any_hessian_positive_definite(inputs: int) -> None:
    hessian = _hessian(inputs=inputs) if inputs else np.zeros((COLUMNS, COLUMNS), np.float32)
    before = hessian.copy()
    assert np.linalg.eigvalsh(damped(hessian, 0.01).astype(np.float64)).min() > 0
    np.testing.assert_array_equal(hessian, before)


def _indefinite(below_zero: float) -> Hessian:
    """Its least eigenvalue lies so far below zero, as float32 leaves it of a nearly singular matrix."""
    direction = np.random.default_rng(6).normal(size=COLUMNS)
    direction /= np.linalg.norm(direction)
    matrix = np.eye(COLUMNS) - (1 + below_zero) * np.outer(direction, direction)
    return np.asarray(matrix, dtype=np.float32)


def test_a_nearly_singular_hessian_is_damped_more() -> None:
    hessian = _indefinite(0.05)
    with pytest.raises(np.linalg.LinAlgError):
        Prepared.of(damped(hessian, 0.01))
    prepared = with_damping(hessian, 0.01, Prepared.of)
    np.testing.assert_array_equal(prepared.hessian, damped(hessian, 0.1))
    assert np.isfinite(round_matrix(_weights(), prepared, Q4_0).weights()).all()
    np.testing.assert_array_equal(
        with_damping(_hessian(), 0.01, Prepared.of).hessian, damped(_hessian(), 0.01)
    )


@pytest.mark.parametrize("hessian", [_indefinite(3.0), np.full((COLUMNS, COLUMNS), np.nan, "f4")])
def test_a_hessian_that_cannot_be_factored_is_told(hessian: Hessian) -> None:
    with pytest.raises(ConversionError, match="cannot be factored") as told:
        with_damping(hessian, 0.01, Prepared.of)
    assert "--calibration none" in told.value.hint


def test_the_factor_belongs_to_the_ordered_hessian() -> None:
    hessian = damped(_hessian(), 0.01)
    prepared = Prepared.of(hessian)
    diagonal = np.diag(hessian)[prepared.order]
    assert (np.diff(diagonal) <= 0).all()
    factor = prepared.factor.astype(np.float64)
    np.testing.assert_array_equal(factor, np.triu(factor))
    np.testing.assert_allclose(np.diag(factor), 1, rtol=1e-6)
    inverse = np.linalg.inv(factor)
    ordered = hessian[np.ix_(prepared.order, prepared.order)].astype(np.float64)
    between = inverse @ ordered @ inverse.T
    np.testing.assert_allclose(between - np.diag(np.diag(between)), 0, atol=1e-2 * diagonal[-1])


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, prepared = _weights(), Prepared.of(damped(_hessian(), 0.01))
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(rounding, "CORES", cores)
        found.append(round_matrix(weights, prepared, Q4_0))
    np.testing.assert_array_equal(found[0].codes, found[1].codes)
    np.testing.assert_array_equal(found[0].scales, found[1].scales)
