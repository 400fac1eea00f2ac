"""Laws of the divergence: against a direct computation in float64, and of a trimmed vocabulary."""

import numpy as np
import pytest

from soro_edge.evaluation.divergence.kl_divergence import Matrix, Numbers, Positions, compare
from soro_edge.evaluation.divergence.summary import summarize
from soro_edge.evaluation.divergence.vocabulary_alignment import SharedPieces, shared_pieces

POSITIONS, PIECES = 70, 900


def logits(seed: int, pieces: int = PIECES, spread: float = 4.0) -> Matrix:
    random = np.random.default_rng(seed)
    return (random.standard_normal((POSITIONS, pieces)) * spread).astype(np.float32)


def names(count: int) -> list[str]:
    return [f"piece{number}" for number in range(count)]


ALL = shared_pieces(names(PIECES), names(PIECES))
FOLLOWING = np.random.default_rng(1).integers(0, 300, POSITIONS)


def probabilities(of: Matrix) -> Numbers:
    """Directly, in float64."""
    exact = of.astype(np.float64)
    weights = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def same_numbers(one: Positions, other: Positions) -> None:
    np.testing.assert_array_equal(one.divergence, other.divergence)
    np.testing.assert_array_equal(one.model_loss, other.model_loss)
    np.testing.assert_array_equal(one.top1_agreement, other.top1_agreement)


def test_a_model_is_at_no_distance_from_itself() -> None:
    found = compare(logits(2), logits(2), FOLLOWING, ALL)
    assert not found.divergence.any()
    assert found.top1_agreement.all()
    assert (found.model_loss == found.reference_loss).all()


@pytest.mark.parametrize("spread", [0.5, 4.0, 60.0])
def test_it_is_the_sum_over_all_pieces_in_float64(spread: float) -> None:
    model, reference = logits(2, spread=spread), logits(3, spread=spread)
    ours, theirs = probabilities(model), probabilities(reference)
    found = compare(model, reference, FOLLOWING, ALL)
    terms = theirs * (np.log(np.maximum(theirs, 1e-300)) - np.log(np.maximum(ours, 1e-300)))
    np.testing.assert_allclose(found.divergence, terms.sum(axis=1), rtol=1e-5, atol=1e-6)
    at = np.arange(POSITIONS), FOLLOWING
    np.testing.assert_allclose(found.model_loss, -np.log(ours[at]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.reference_loss, -np.log(theirs[at]), rtol=1e-5, atol=1e-5)


def test_a_cut_of_the_reference_is_at_no_distance_whatever_was_cut() -> None:
    reference = logits(3)
    kept = np.sort(np.random.default_rng(4).permutation(np.arange(300, PIECES))[:200])
    kept = np.concatenate([np.arange(300), kept])
    shared = shared_pieces([names(PIECES)[token] for token in kept], names(PIECES))
    found = compare(reference[:, kept], reference, FOLLOWING, shared)
    np.testing.assert_allclose(found.divergence, 0, atol=1e-6)
    assert found.top1_agreement.all()
    gone = np.setdiff1d(np.arange(PIECES), kept)
    expected = probabilities(reference)[:, gone].sum(axis=1)
    np.testing.assert_allclose(found.reference_outside_shared_mass, expected, rtol=1e-4, atol=1e-6)
    assert not found.model_outside_shared_mass.any()


def test_a_piece_far_likelier_than_all_shared_ones_is_counted_as_elsewhere() -> None:
    reference = logits(3)
    reference[:, -1] = 500.0
    shared = shared_pieces(names(PIECES - 1), names(PIECES))
    found = compare(logits(2, PIECES - 1), reference, FOLLOWING, shared)
    np.testing.assert_allclose(found.reference_outside_shared_mass, 1.0)
    assert np.isfinite(found.divergence).all()


def test_the_order_of_the_models_pieces_does_not_matter() -> None:
    model, reference = logits(2), logits(3)
    order = np.random.default_rng(5).permutation(PIECES)
    shared = shared_pieces([names(PIECES)[token] for token in order], names(PIECES))
    found = compare(model[:, order], reference, FOLLOWING, shared)
    np.testing.assert_allclose(
        found.divergence, compare(model, reference, FOLLOWING, ALL).divergence, rtol=1e-5
    )


def test_positions_are_independent_of_one_another() -> None:
    model, reference = logits(2), logits(3)
    whole = compare(model, reference, FOLLOWING, ALL)
    last = compare(model[-5:], reference[-5:], FOLLOWING[-5:], ALL)
    np.testing.assert_array_equal(whole.divergence[-5:], last.divergence)


def test_the_summary_is_numpys() -> None:
    found = compare(logits(2), logits(3), FOLLOWING, ALL)
    told = summarize(found)
    values = found.divergence
    assert told.divergence.value == pytest.approx(values.mean())
    assert told.divergence.standard_error == pytest.approx(values.std(ddof=1) / POSITIONS**0.5)
    assert told.divergence_maximum == values.max()
    assert told.divergence_99_percent == pytest.approx(np.quantile(values, 0.99))
    assert told.model_perplexity.value == pytest.approx(np.exp(found.model_loss.mean()))
    assert sum(told.bands) == pytest.approx(1)
    assert told.bands[3] == pytest.approx((values >= 1).mean())


def test_no_positions_have_no_summary() -> None:
    nothing = logits(2)[:0]
    with pytest.raises(ValueError, match="no positions"):
        summarize(compare(nothing, nothing, FOLLOWING[:0], ALL))


def test_of_pieces_that_occur_twice_the_first_counts() -> None:
    shared = shared_pieces(["a", "b"], ["a", "b", "a"])
    assert isinstance(shared, SharedPieces)
    assert shared.count == 2
    assert shared.place_of(np.array([0, 1, 2])).tolist() == [0, 1, -1]
    assert shared.model_ids(np.array([1, 2])).tolist() == [1, -1]


def test_spaces_are_spaces_however_they_are_stored() -> None:
    shared = shared_pieces(["▁са", "▁▁"], ["▁са", "  "])
    assert (shared.count, shared.model) == (2, None)
