"""Texts to requests: every token of a text is asked for once, spaces go where the harness puts them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from soro_edge.evaluation.scorer.prefix_tree import Request
from soro_edge.evaluation.scorer.requests import TooLong, encode_pair, fitted, windows
from soro_edge.evaluation.scorer.scorer import Scorer


@given(tokens=some.integers(1, 60), context=some.integers(2, 20))
def test_windows_ask_for_each_token_once(tokens: int, context: int) -> None:
    text = list(range(100, 100 + tokens))
    asked = list(windows(text, begin_token=1, context_tokens=context))
    assert [token for request in asked for token in request.continuation] == text
    assert asked[0].context == (1,)
    known = [1, *text]
    for request in asked:
        assert 0 < len(request.path) <= context
        end = known.index(request.continuation[0])
        assert list(request.context) == known[end - len(request.context) : end]


def test_a_long_prompt_loses_its_beginning() -> None:
    request = Request(context=(1, 2, 3, 4), continuation=(5, 6))
    assert fitted(request, 5) == request
    assert fitted(request, 3) == Request(context=(3, 4), continuation=(5, 6))
    with pytest.raises(TooLong, match="2 tokens is longer than the context of 1"):
        fitted(request, 1)


class Letters:
    """A tokenizer of letters, which joins `ab` to one token."""

    begin_token = 0

    def tokenize(self, text: str, *, add_bos: bool = True) -> list[int]:
        joined = text.replace("ab", "\x01")
        return [0] * add_bos + [ord(letter) for letter in joined]


def test_pairs_are_tokenized_in_one_piece() -> None:
    letters = Letters()
    plain = encode_pair(letters, "x", " y")
    assert plain == Request(context=(0, ord("x")), continuation=(ord(" "), ord("y")))
    assert encode_pair(letters, "x ", "y") == plain
    joined = encode_pair(letters, "xa", "bc")
    assert joined == Request(context=(0, ord("x"), ord("a")), continuation=(ord("c"),))
    assert encode_pair(letters, "", "y") == Request(context=(0,), continuation=(ord("y"),))
    assert encode_pair(letters, "xa", "b").continuation == (ord("b"),)


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Iterator[Scorer]:
    with Scorer(tiny_model, context_tokens=256, threads=1, exact=True) as scorer:
        yield scorer


@pytest.mark.native
def test_a_text_longer_than_the_context(scorer: Scorer) -> None:
    """In windows it has the likelihood that each window gives it, no token lost."""
    tokens = scorer.tokenize("салом ҷаҳон, " * 20, add_bos=False)
    asked = list(windows(tokens, begin_token=scorer.begin_token, context_tokens=50))
    assert len(asked) > 3
    assert sum(one.tokens for one in scorer.log_likelihoods(asked)) == len(tokens)
