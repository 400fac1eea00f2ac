"""Laws of cutting: llama-perplexity's chunks, and two tokenizers on one text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.evaluation.divergence.vocabulary_alignment import (
    Chunk,
    Tokens,
    cut_chunks,
    shared_pieces,
)

FULL = ["<bos>", *"абвг", "аб", "вг", "абвг"]
TRIMMED = ["<bos>", *"абвг", "аб"]


def tokenize(text: str, vocabulary: list[str]) -> Tokens:
    """The longest piece that fits, again and again."""
    found, place = [], 0
    while place < len(text):
        piece = max((one for one in vocabulary[1:] if text.startswith(one, place)), key=len)
        found.append(piece)
        place += len(piece)
    return Tokens(
        ids=np.array([vocabulary.index(piece) for piece in found], dtype=np.int64),
        lengths_bytes=np.array([len(piece.encode()) for piece in found], dtype=np.int64),
    )


def cut(text: str, model: list[str], *, chunk_tokens: int = 8, limit: int = 64) -> list[Chunk]:
    return cut_chunks(
        tokenize(text, model),
        tokenize(text, FULL),
        shared_pieces(model, FULL),
        chunk_tokens=chunk_tokens,
        model_begin=0,
        reference_begin=0,
        model_limit=limit,
    )


def text_of(tokens: list[int], vocabulary: list[str]) -> str:
    return "".join(vocabulary[token] for token in tokens[1:])


def test_chunks_are_those_of_llama_perplexity() -> None:
    text = "абвгабвгаббаабвгвгбагавабвгабгбвгг"
    tokens = [0, *tokenize(text, FULL).ids.tolist()]
    chunks = cut(text, FULL)
    assert len(chunks) == len(tokens) // 8
    for number, chunk in enumerate(chunks):
        piece = tokens[number * 8 : number * 8 + 8]
        assert chunk.model == chunk.reference == [0, *piece[1:]]
        # The second half: after positions 4, 5, 6 come tokens 5, 6, 7.
        assert chunk.reference_positions.tolist() == chunk.model_positions.tolist() == [4, 5, 6]
        assert chunk.following.tolist() == piece[5:]
        assert chunk.unaligned == chunk.retokenized == 0


@given(st.text("абвг", min_size=0, max_size=200))
def test_where_the_model_cuts_finer_only_places_with_equal_past_and_equal_piece_remain(
    text: str,
) -> None:
    for chunk in cut(text, TRIMMED):
        assert chunk.unaligned + len(chunk.following) == 3
        for ours, theirs, following in zip(
            chunk.model_positions, chunk.reference_positions, chunk.following, strict=True
        ):
            read = text_of(chunk.model[: ours + 1], TRIMMED)
            assert read == text_of(chunk.reference[: theirs + 1], FULL)
            assert TRIMMED[chunk.model[ours + 1]] == FULL[following]
            assert chunk.reference[theirs + 1] == following
        cut_alike = [
            [TRIMMED[token] for token in chunk.model[: ours + 1]]
            == [FULL[token] for token in chunk.reference[: theirs + 1]]
            for ours, theirs in zip(chunk.model_positions, chunk.reference_positions, strict=True)
        ]
        assert chunk.retokenized == cut_alike.count(False)


@given(st.text("абвг", max_size=200))
def test_both_read_the_same_text(text: str) -> None:
    for chunk in cut(text, TRIMMED):
        ours, theirs = text_of(chunk.model, TRIMMED), text_of(chunk.reference, FULL)
        assert theirs.startswith(ours)
        assert len(ours) >= len(theirs) - 3


def test_the_model_never_reads_more_than_its_limit() -> None:
    for chunk in cut("вг" * 100, TRIMMED, limit=10):
        assert len(chunk.model) <= 10
        assert (chunk.model_positions < 9).all()


def test_a_model_without_begin_token_reads_the_text_alone() -> None:
    tokens = tokenize("аб" * 40, FULL)
    (chunk, *_rest) = cut_chunks(
        tokens,
        tokens,
        shared_pieces(FULL, FULL),
        chunk_tokens=8,
        model_begin=None,
        reference_begin=None,
        model_limit=8,
    )
    assert chunk.reference == chunk.model == tokens.ids[:8].tolist()
    assert chunk.model_positions.tolist() == [4, 5, 6]


@pytest.mark.parametrize("text", ["", "а", "аб" * 6])
def test_a_text_shorter_than_a_chunk_has_none(text: str) -> None:
    assert cut(text, FULL) == []
