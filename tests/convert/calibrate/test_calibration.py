"""Calibration: two streams through the layers, and texts held out that no rounding ever sees."""

from dataclasses import replace

import numpy as np
import pytest

from convert import gemma3
from convert.calibrate import calibration
from convert.calibrate.calibration import Calibration, RoundedMatrix, Tokens
from convert.calibrate.divergence import Closeness, compare
from convert.calibrate.reference_model import ExactModel
from convert.calibrate.sensitivity import measured_gains
from convert.native.ggml import decoded
from convert.quantize.bit_allocation import names_of
from convert.quantize.block_formats import Q4_0, Q8_0, Grid
from convert.weights import Matrix
from tests.convert.checkpoints import write_checkpoint
from tests.convert.conversions import Silent, exact_model, log_probabilities

TEXTS, HELD, TOKENS = 10, 2, 80
LAYERS = 2
"""A sliding one and a global one."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ExactModel:
    folder = tmp_path_factory.mktemp("model")
    changes = {"sliding_window_pattern": 2}
    write_checkpoint(folder, layers=LAYERS, config_changes=changes)
    return exact_model(folder)


class Fixed:
    """A source of weights that are given."""

    storage = "F32"
    q4_0_error = None

    def __init__(self, name: str, values: Matrix) -> None:
        self.name, self.shape, self._values = name, values.shape, values

    def rows(self, begin: int, end: int) -> Matrix:
        return self._values[begin:end]

    def q4_0_rows(self, begin: int, end: int) -> None:
        return None


def _texts(model: ExactModel, count: int, seed: int) -> Tokens:
    ids = np.random.default_rng(seed).integers(3, model.config.vocabulary_rows, (count, TOKENS))
    ids[:, 0] = model.config.vocabulary_rows - 1
    return ids


def _grids(grid: Grid) -> dict[str, Grid]:
    return {name: grid for stage in gemma3.STAGES for name in stage}


def _calibrated(
    model: ExactModel, grids: dict[str, Grid], *, texts: Tokens, held: Tokens
) -> tuple[list[dict[str, RoundedMatrix]], Closeness]:
    streams = Calibration(model.config, model.embed, texts, held)
    found = [streams.round_layer(model.layer(layer), grids) for layer in range(LAYERS)]
    return found, streams.closeness(model.output_layer())


def _codes(layers: list[dict[str, RoundedMatrix]]) -> bytes:
    return b"".join(
        matrix.rounded.packed().tobytes() for layer in layers for matrix in layer.values()
    )


def test_where_nothing_is_rounded_the_streams_stay_equal(model: ExactModel) -> None:
    found, closeness = _calibrated(
        model, {}, texts=_texts(model, TEXTS, 1), held=_texts(model, HELD, 2)
    )
    assert not any(found)
    for stream in (closeness.plain, closeness.rounded):
        assert stream.kl_divergence == pytest.approx(0, abs=1e-6)
        assert stream.same_first_choice == 1
        assert stream.perplexity == pytest.approx(closeness.perplexity_exact, rel=1e-5)
    assert closeness.tokens == HELD * (TOKENS // 2 - 1)


def test_texts_held_out_change_no_code(model: ExactModel) -> None:
    texts = _texts(model, TEXTS, 1)
    first, one = _calibrated(model, _grids(Q4_0), texts=texts, held=_texts(model, HELD, 2))
    second, other = _calibrated(model, _grids(Q4_0), texts=texts, held=_texts(model, HELD, 3))
    assert _codes(first) == _codes(second)
    assert one.rounded.kl_divergence != other.rounded.kl_divergence


def test_every_calibration_text_counts(model: ExactModel) -> None:
    texts, held = _texts(model, TEXTS, 1), _texts(model, HELD, 2)
    first, _ = _calibrated(model, _grids(Q4_0), texts=texts, held=held)
    for number in (0, TEXTS - 1):
        changed = texts.copy()
        changed[number] = changed[number, ::-1]
        assert _codes(_calibrated(model, _grids(Q4_0), texts=changed, held=held)[0]) != _codes(
            first
        )


def test_finer_grids_are_closer_and_calibrated_ones_closer_than_plain(model: ExactModel) -> None:
    texts, held = _texts(model, TEXTS, 1), _texts(model, HELD, 2)
    _, coarse = _calibrated(model, _grids(Q4_0), texts=texts, held=held)
    _, fine = _calibrated(model, _grids(Q8_0), texts=texts, held=held)
    assert coarse.rounded.kl_divergence < 0.9 * coarse.plain.kl_divergence
    assert fine.plain.kl_divergence < 0.05 * coarse.plain.kl_divergence
    assert fine.rounded.kl_divergence < 0.05 * coarse.rounded.kl_divergence


def test_the_number_of_texts_computed_at_once_changes_next_to_nothing(
    model: ExactModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, held = _texts(model, TEXTS, 1), _texts(model, HELD, 2)
    first, _ = _calibrated(model, _grids(Q4_0), texts=texts, held=held)
    monkeypatch.setattr(calibration, "_GROUP", 3)
    monkeypatch.setattr(calibration, "_PARTS", 3)
    second, _ = _calibrated(model, _grids(Q4_0), texts=texts, held=held)
    for ours, theirs in zip(first, second, strict=True):
        for name, matrix in ours.items():
            assert matrix.loss == pytest.approx(theirs[name].loss, rel=0.1)


def test_a_lone_rounded_matrix_leaves_the_others_alone(model: ExactModel) -> None:
    streams = Calibration(
        model.config, model.embed, _texts(model, TEXTS, 1), _texts(model, HELD, 2)
    )
    assert set(streams.round_layer(model.layer(0), {"mlp.up_proj": Q4_0})) == {"mlp.up_proj"}


def test_divergence_is_zero_of_itself_and_the_known_sum_of_another() -> None:
    exact = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]], dtype=np.float32))
    other = np.log(np.array([[0.25, 0.5, 0.25], [0.1, 0.1, 0.8]], dtype=np.float32))
    following = np.array([1, 2])
    expected = [0.25 * np.log(2), 1, np.log(0.5) + np.log(0.8)]
    np.testing.assert_allclose(compare(exact, other, following), expected, rtol=1e-5)
    np.testing.assert_allclose(compare(exact, exact, following)[:2], [0, 2], atol=1e-7)


@pytest.mark.parametrize("group", ["0 mlp.gate_proj mlp.up_proj", "1 self_attn.o_proj"])
def test_what_a_group_suffers_is_what_rounding_it_alone_costs(
    group: str, model: ExactModel
) -> None:
    text = _texts(model, 1, 4)
    hidden = model.embed(text) * np.float32(model.config.width**0.5)
    output = model.output_layer()
    gains = measured_gains(model.config, hidden, text, model.layer, output, Silent())
    names = [name for found in gains for name in names_of(found)]
    assert sorted(names) == sorted(name for name in model.tensors if name.endswith("_proj.weight"))
    tensors = dict(model.tensors)
    for name in names_of(group):
        rows = tensors[name]
        values = decoded(Q4_0.encode(rows.values(slice(0, len(rows)))), Q4_0.type)
        tensors[name] = replace(rows, source=Fixed(name, values))
    exact, other = (
        log_probabilities(some, text.tolist())[0][:-1]
        for some in (model, replace(model, tensors=tensors))
    )
    expected = compare(exact, other, text[0, 1:])[0] / (TOKENS - 1)
    assert gains[group] == pytest.approx(expected, rel=0.02)
