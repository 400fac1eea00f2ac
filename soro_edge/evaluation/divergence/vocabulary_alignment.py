"""Two vocabularies and one text: which pieces both have, and where the text is cut alike.

Knows pieces and token ids, no model. A trimmed vocabulary has other ids and fewer pieces; texts in
scripts that it gave up are cut finer. Positions are compared where both models have read the same bytes
and the same piece follows; the others are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPieces:
    """Pieces that two vocabularies both have, in the reference's order."""

    model: Ids | None
    """The model's ids of them; None where the two vocabularies are one."""
    reference: Ids | None
    count: int
    model_pieces: int
    reference_pieces: int

    def place_of(self, reference_tokens: Ids) -> Ids:
        """Places among the shared pieces of the reference's ids; -1 for those that only it has."""
        if self.reference is None:
            return reference_tokens
        places = np.full(self.reference_pieces, -1, dtype=np.int64)
        places[self.reference] = np.arange(self.count)
        return places[reference_tokens]

    def model_ids(self, reference_tokens: Ids) -> Ids:
        """The model's ids of the reference's tokens; -1 where it has no such piece."""
        if self.model is None:
            return reference_tokens
        places = self.place_of(reference_tokens)
        return np.where(places < 0, -1, self.model[places])


def shared_pieces(model: Sequence[str], reference: Sequence[str]) -> SharedPieces:
    """Compare two lists of pieces by their text; of pieces that occur twice the first counts.

    Converters store a run of spaces as spaces or as `▁`.
    """
    model = [piece.replace("▁", " ") for piece in model]
    reference = [piece.replace("▁", " ") for piece in reference]
    if model == reference:
        return SharedPieces(
            model=None,
            reference=None,
            count=len(model),
            model_pieces=len(model),
            reference_pieces=len(reference),
        )
    ours = {piece: token for token, piece in reversed(list(enumerate(model)))}
    theirs = {piece: token for token, piece in reversed(list(enumerate(reference)))}
    common = sorted(token for piece, token in theirs.items() if piece in ours)
    return SharedPieces(
        model=np.array([ours[reference[token]] for token in common], dtype=np.int64),
        reference=np.array(common, dtype=np.int64),
        count=len(common),
        model_pieces=len(model),
        reference_pieces=len(reference),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A text cut by one model."""

    ids: Ids
    lengths_bytes: Ids
    """Of each token."""

    @property
    def boundaries_bytes(self) -> Ids:
        """Bytes before each token, and at the end all of them."""
        return np.concatenate([[0], np.cumsum(self.lengths_bytes)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A stretch of text as both models read it, and the positions that are compared."""

    model: list[int]
    reference: list[int]
    model_positions: Ids
    """Where in `model` the logits are compared."""
    reference_positions: Ids
    """The same places in `reference`."""
    following: Ids
    """The reference's id of the piece that follows there."""
    unaligned: int
    """Positions left out because the two models do not cut alike there."""
    retokenized: int
    """Positions compared after a word of the chunk that the two models cut differently."""


def cut_chunks(
    model: Tokens,
    reference: Tokens,
    shared: SharedPieces,
    *,
    chunk_tokens: int,
    model_begin: int | None,
    reference_begin: int | None,
    model_limit: int,
) -> list[Chunk]:
    """Cut as llama-perplexity does: `chunk_tokens` of the reference each, the first of them replaced by the
    token that begins every prompt, and positions of the second half compared. A rest is left.

    `model_limit` is the longest sequence that the model may read: a longer one, where it cuts finer,
    loses its end.
    """
    if reference_begin is not None:
        reference = _with_begin(reference, reference_begin)
    if model_begin is not None:
        model = _with_begin(model, model_begin)
    cutter = _Cutter(model, reference, shared, model_begin, reference_begin, model_limit)
    chunks, start = [], 0
    while start + chunk_tokens <= len(reference.ids):
        chunk = cutter.cut(start, start + chunk_tokens)
        if chunk is None:
            start += 1  # the models are in the middle of a word that they cut apart differently
            continue
        chunks.append(chunk)
        start += chunk_tokens
    return chunks


def _with_begin(tokens: Tokens, begin: int) -> Tokens:
    return Tokens(
        ids=np.concatenate([[begin], tokens.ids]),
        lengths_bytes=np.concatenate([[0], tokens.lengths_bytes]),
    )


class _Cutter:
    """Finds the model's tokens for a stretch of the reference's."""

    def __init__(
        self,
        model: Tokens,
        reference: Tokens,
        shared: SharedPieces,
        model_begin: int | None,
        reference_begin: int | None,
        model_limit: int,
    ) -> None:
        self._model, self._reference = model, reference
        self._model_begin, self._reference_begin = model_begin, reference_begin
        self._model_limit = model_limit
        self._ours, self._theirs = model.boundaries_bytes, reference.boundaries_bytes
        self._wanted = shared.model_ids(reference.ids)

    def cut(self, start: int, end: int) -> Chunk | None:
        """The chunk of the reference's tokens from `start` to `end`; None where the model has no
        boundary where it begins."""
        skipped = 0 if self._reference_begin is None else 1
        first = self._token_at(int(self._theirs[start + skipped]))
        if first is None:
            return None
        last = int(np.searchsorted(self._ours, self._theirs[end], side="right")) - 1
        head = [] if self._model_begin is None else [self._model_begin]
        last = min(last, first + self._model_limit - len(head))
        theirs = self._reference.ids[start:end].tolist()
        if self._reference_begin is not None:
            theirs[0] = self._reference_begin
        half = np.arange(start + (end - start) // 2 + 1, end)
        matched = [
            (token, followed)
            for followed in half.tolist()
            if (token := self._token_at(int(self._theirs[followed]))) is not None
            and first < token < last
            and self._model.ids[token] == self._wanted[followed]
        ]
        places = np.array(matched, dtype=np.int64).reshape(-1, 2)
        alike = self._alike(first, last, start + skipped, end)
        return Chunk(
            model=head + self._model.ids[first:last].tolist(),
            reference=theirs,
            model_positions=places[:, 0] - first + len(head) - 1,
            reference_positions=places[:, 1] - start - 1,
            following=self._reference.ids[places[:, 1]],
            unaligned=len(half) - len(matched),
            retokenized=int((places[:, 0] > first + alike).sum()),
        )

    def _alike(self, first: int, last: int, start: int, end: int) -> int:
        """How many tokens, from the chunk's beginning, both cut the same."""
        count = min(last - first, end - start)
        same = self._model.ids[first : first + count] == self._wanted[start : start + count]
        return count if same.all() else int(same.argmin())

    def _token_at(self, offset_bytes: int) -> int | None:
        """The model's token that begins at this byte. Tokens of no bytes end there, too: the last counts."""
        place = int(np.searchsorted(self._ours, offset_bytes, side="right")) - 1
        return place if self._ours[place] == offset_bytes else None
