"""What is read once for many requests gives each of them what a cold pass of its own gives."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from soro_edge.engine.native import lib
from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.scorer.log_softmax import log_probabilities
from soro_edge.evaluation.scorer.prefix_tree import LogLikelihood, Request, RequestGroup, groups
from soro_edge.evaluation.scorer.scorer import Scorer
from soro_edge.testing.tiny_gemma3 import SLIDING_WINDOW_TOKENS

pytestmark = pytest.mark.native


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Iterator[Scorer]:
    with Scorer(tiny_model, context_tokens=1536, threads=1, sequences=12, exact=True) as scorer:
        yield scorer


def random_tokens(seed: int, count: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).integers(6, 300, count).tolist())


def cold(scorer: Scorer, request: Request) -> LogLikelihood:
    """One full pass, every logit computed."""
    logits = np.concatenate(list(scorer.logits(request.path)))
    found = [
        log_probabilities(logits[len(request.context) - 1 + place], [token])[0]
        for place, token in enumerate(request.continuation)
    ]
    return LogLikelihood(
        total=sum(log_probability for log_probability, _ in found),
        greedy=all(first for _, first in found),
        tokens=len(found),
    )


def assert_alike(found: Sequence[LogLikelihood], wanted: Sequence[LogLikelihood]) -> None:
    assert [one.greedy for one in found] == [one.greedy for one in wanted]
    assert [one.tokens for one in found] == [one.tokens for one in wanted]
    np.testing.assert_allclose(
        [one.total for one in found], [one.total for one in wanted], rtol=0, atol=2e-3
    )


def questions(shots: int) -> list[Request]:
    """Few-shot examples, several questions, choices of which some begin alike."""
    examples = random_tokens(1, shots)
    choices = [(40, 41, 42), (40, 41, 43), (40,), (50, 51), (60, 61, 62, 63)]
    return [
        Request(context=examples + random_tokens(10 + question, 7 + question), continuation=choice)
        for question in range(5)
        for choice in choices
    ]


@pytest.mark.parametrize("shots", [0, 5, SLIDING_WINDOW_TOKENS - 3, 4 * SLIDING_WINDOW_TOKENS])
def test_shared_reading_equals_a_cold_pass(scorer: Scorer, shots: int) -> None:
    requests = questions(shots)
    wanted = [cold(scorer, request) for request in requests]
    assert len({round(one.total, 3) for one in wanted}) == len(requests)
    assert_alike(list(scorer.log_likelihoods(requests)), wanted)
    assert_alike(list(scorer.log_likelihoods(requests[::-1])), wanted[::-1])


def test_going_back_further_than_the_window(scorer: Scorer) -> None:
    """A cache no larger than the window needs would have lost what lies before token 472."""
    long = random_tokens(3, 1400)
    requests = [Request(context=long[:length], continuation=(40, 41)) for length in (1400, 300, 5)]
    found = [answer for one in requests for answer in scorer.log_likelihoods([one])]
    assert_alike(found, [cold(scorer, request) for request in requests])


def test_texts_side_by_side(scorer: Scorer) -> None:
    texts = [random_tokens(seed, 20 * seed) for seed in range(1, 9)]
    requests = [Request(context=(2,), continuation=text) for text in texts]
    assert_alike(
        list(scorer.log_likelihoods(requests)), [cold(scorer, request) for request in requests]
    )


def test_logits_from_a_place_on(scorer: Scorer) -> None:
    tokens = random_tokens(4, 200)
    whole = np.concatenate(list(scorer.logits(tokens)))
    assert whole.shape == (200, scorer.vocabulary_size)
    part = np.concatenate(list(scorer.logits(tokens, first=150)))
    np.testing.assert_allclose(part, whole[150:], atol=1e-4)


def test_the_greedy_flag(scorer: Scorer) -> None:
    context = random_tokens(5, 60)
    best = int(np.concatenate(list(scorer.logits(context)))[-1].argmax())
    other = (best + 1) % scorer.vocabulary_size
    requests = [Request(context=context, continuation=(token,)) for token in (best, other)]
    assert [one.greedy for one in scorer.log_likelihoods(requests)] == [True, False]


@pytest.fixture
def living(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Contexts that were made and not given back; to give one back twice is a KeyError."""
    contexts: set[int] = set()
    make, free = lib.llama_init_from_model, lib.llama_free

    def made(model: int, wanted: object) -> int:
        context: int = make(model, wanted)
        contexts.add(context)
        return context

    def freed(context: int) -> None:
        contexts.remove(context)
        free(context)

    monkeypatch.setattr(lib, "llama_init_from_model", made)
    monkeypatch.setattr(lib, "llama_free", freed)
    return contexts


def test_no_room_is_told_and_less_can_be_had(
    tiny_model: Path, living: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(context=random_tokens(6, 20), continuation=(40,))
    with Scorer(tiny_model, context_tokens=64, threads=1) as scorer:
        [wanted] = scorer.log_likelihoods([request])
        with monkeypatch.context() as patch:
            patch.setattr(lib, "llama_init_from_model", lambda *_: None)
            with pytest.raises(EvaluationFailed, match="no context"):
                scorer.reserve(4096)
        assert not living
        scorer.reserve(64)
        assert_alike(list(scorer.log_likelihoods([request])), [wanted])
    assert not living


def test_a_recurrent_model_is_refused_and_given_back(
    tiny_model: Path, living: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lib, "llama_model_is_recurrent", lambda _model: True)
    with pytest.raises(EvaluationFailed, match="no context"):
        Scorer(tiny_model, context_tokens=64, threads=1)
    assert not living


def test_every_token_of_a_group_is_read_once() -> None:
    group = RequestGroup(requests=tuple(questions(50)))
    prefix = group.shared_prefix
    assert len(prefix) == 50
    branches = group.nodes(len(prefix))
    prefixes = {
        request.path[:length]
        for request in group.requests
        for length in range(len(prefix) + 1, len(request.path) + 1)
    }
    assert len(branches) == len(prefixes)
    asked = sum(len(branch.targets) for branch in branches)
    assert asked == sum(len(request.continuation) for request in group.requests)


def test_groups_keep_order_and_limits() -> None:
    requests = questions(50)
    for most, room in ((3, 1000), (100, 80), (1, 64)):
        found = list(groups(requests, most=most, room_tokens=room))
        assert [one for group in found for one in group.requests] == requests
        for group in found:
            assert len(group.requests) <= most
            prefix = len(group.shared_prefix)
            assert prefix + len(group.nodes(prefix)) <= room
    with pytest.raises(EvaluationFailed, match="room for 10"):
        list(groups(requests, most=3, room_tokens=10))
