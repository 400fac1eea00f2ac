"""The divergence report: a model beside the reference that it was made from, on one corpus.

Both models are open at the same time and read the same chunk of text. Their logits are compared batch by
batch and dropped, so that memory does not grow with the corpus. Chunks are those of llama-perplexity.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.divergence.cache import DivergenceCache
from soro_edge.evaluation.divergence.corpus import Corpus
from soro_edge.evaluation.divergence.kl_divergence import Matrix, Positions, compare, joined
from soro_edge.evaluation.divergence.summary import DivergenceSummary, summarize
from soro_edge.evaluation.divergence.vocabulary_alignment import (
    Chunk,
    Ids,
    SharedPieces,
    Tokens,
    cut_chunks,
    shared_pieces,
)
from soro_edge.evaluation.progress import Progress, Silent
from soro_edge.evaluation.scorer.scorer import Scorer
from soro_edge.gguf_header import read_header
from soro_edge.models import sha256_of

CHUNK_TOKENS = 512
_MODEL_ROOM = 2
"""A trimmed vocabulary needs more tokens in other scripts: the model gets room for so many times more."""
_LEAST_TOKENS = 64
_MISSING_SHOWN = 12
_LEAST_ALIKE = 0.5
"""Where a smaller share of positions is aligned, the tokenizers differ and none of them was trimmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceReport:
    """What was compared, on which corpus, and how far the two models are from each other."""

    model: str
    """Name of the file."""
    model_bytes: int
    reference: str
    reference_bytes: int
    text: str
    """The name of the corpus."""
    text_tokens: int
    """How many tokens it has with the reference's tokenizer, without <bos>."""
    chunks: int
    chunk_tokens: int
    shared_pieces: int
    model_pieces: int
    reference_pieces: int
    unaligned: int
    """Positions that were left out, because the two tokenizers split the text differently there."""
    retokenized: int
    """Positions that were compared although an earlier word of the chunk was tokenized differently."""
    missing_tokens: tuple[str, ...]
    """Pieces of the corpus that the model's vocabulary lacks, the most frequent first."""
    summary: DivergenceSummary

    def as_json(self) -> dict[str, object]:
        """The report as values of JSON, under the names that such files have had from the first."""
        found = _with_names(asdict(self), _NAMES_IN_JSON)
        found["closeness"] = _with_names(asdict(self.summary), _NAMES_IN_JSON)
        return found


_NAMES_IN_JSON = {
    "retokenized": "recut",
    "missing_tokens": "lacked",
    "summary": "closeness",
    "top1_agreement": "same_first_choice",
    "model_outside_shared_mass": "model_elsewhere",
    "reference_outside_shared_mass": "reference_elsewhere",
}


def _with_names(values: dict[str, object], names: Mapping[str, str]) -> dict[str, object]:
    return {names.get(name, name): value for name, value in values.items()}


def report_divergence(
    model: Path,
    reference: Path,
    corpus: Corpus,
    *,
    chunk_tokens: int = CHUNK_TOKENS,
    most_chunks: int | None = None,
    threads: int = 0,
    journals: Path | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> DivergenceReport:
    """Compare a model with its reference. Raises EvaluationFailed, ModelError, StorageError.

    Chunks are shorter than `chunk_tokens` where a model was trained on shorter texts. Compared chunks are
    kept in the folder `journals`; `fresh` compares them again.
    """
    for path in (reference, model):
        read_header(path)  # a file cut short is told at once, before hundreds of megabytes are read
    with (
        Scorer(reference, context_tokens=_LEAST_TOKENS, threads=threads, sequences=1) as theirs,
        Scorer(model, context_tokens=_LEAST_TOKENS, threads=threads, sequences=1) as ours,
    ):
        pieces = theirs.pieces()
        shared = shared_pieces(ours.pieces(), pieces)
        length = min(chunk_tokens, ours.trained_context_tokens, theirs.trained_context_tokens)
        tokens = _tokens(theirs, corpus, reference)
        chunks = _cut(ours, theirs, _tokens(ours, corpus, model), tokens, shared, length)
        _require_alike(chunks, corpus, len(tokens.ids), length)
        chunks = chunks[:most_chunks]
        cache = _cache(journals, model, reference, corpus, length, fresh)
        found = _compare_chunks(ours, theirs, chunks, shared, cache, progress or Silent())
    return DivergenceReport(
        model=model.name,
        model_bytes=model.stat().st_size,
        reference=reference.name,
        reference_bytes=reference.stat().st_size,
        text=corpus.name,
        text_tokens=len(tokens.ids),
        chunks=len(chunks),
        chunk_tokens=length,
        shared_pieces=shared.count,
        model_pieces=shared.model_pieces,
        reference_pieces=shared.reference_pieces,
        unaligned=sum(chunk.unaligned for chunk in chunks),
        retokenized=sum(chunk.retokenized for chunk in chunks),
        missing_tokens=tuple(
            pieces[token].replace("▁", " ") for token in _missing_tokens(chunks, shared)
        ),
        summary=summarize(found),
    )


def _cache(
    folder: Path | None,
    model: Path,
    reference: Path,
    corpus: Corpus,
    chunk_tokens: int,
    fresh: bool,
) -> DivergenceCache | None:
    if folder is None:
        return None
    digests = (sha256_of(model), sha256_of(reference), corpus.sha256)
    return DivergenceCache(folder, *digests, chunk_tokens, fresh=fresh)


def _cut(
    ours: Scorer,
    theirs: Scorer,
    our_tokens: Tokens,
    their_tokens: Tokens,
    shared: SharedPieces,
    chunk_tokens: int,
) -> list[Chunk]:
    """Chunks, and room in both models for them."""
    room = min(_MODEL_ROOM * chunk_tokens, ours.trained_context_tokens)
    theirs.reserve(chunk_tokens)
    ours.reserve(room)
    return cut_chunks(
        our_tokens,
        their_tokens,
        shared,
        chunk_tokens=chunk_tokens,
        model_begin=_begin(ours),
        reference_begin=_begin(theirs),
        model_limit=room,
    )


def _compare_chunks(
    ours: Scorer,
    theirs: Scorer,
    chunks: list[Chunk],
    shared: SharedPieces,
    cache: DivergenceCache | None,
    progress: Progress,
) -> Positions:
    done = [cache.of(number, chunk) if cache else None for number, chunk in enumerate(chunks)]
    progress.begin("KL divergence", len(chunks), sum(one is not None for one in done))
    found = []
    for number, (chunk, known) in enumerate(zip(chunks, done, strict=True)):
        if known is None:
            known = _compare_chunk(ours, theirs, chunk, shared)
            if cache is not None:
                cache.keep(number, known)
            progress.advance(1)
        found.append(known)
    return joined(found)


def _missing_tokens(chunks: list[Chunk], shared: SharedPieces) -> list[int]:
    """The reference's tokens that the model has no piece for."""
    found: Counter[int] = Counter()
    for chunk in chunks:
        tokens = np.array(chunk.reference, dtype=np.int64)
        found.update(tokens[shared.model_ids(tokens) < 0].tolist())
    return [token for token, _count in found.most_common(_MISSING_SHOWN)]


def _begin(scorer: Scorer) -> int | None:
    tokens = scorer.tokenize("", add_bos=True)
    return tokens[0] if tokens else None


def _tokens(scorer: Scorer, corpus: Corpus, model: Path) -> Tokens:
    ids = scorer.tokenize(corpus.text, add_bos=False)
    pieces = [scorer.vocabulary.bytes_of(token) for token in ids]
    if b"".join(pieces).strip() != corpus.text.encode("utf-8").strip():
        raise EvaluationFailed(
            reason=f"The tokenizer of {model.name} does not give back the text {corpus.name}.",
            advice="Take a text in the scripts that the model knows.",
        )
    lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
    return Tokens(ids=np.array(ids, dtype=np.int64), lengths_bytes=lengths)


def _require_alike(chunks: list[Chunk], corpus: Corpus, tokens: int, chunk_tokens: int) -> None:
    if not chunks and tokens < chunk_tokens:
        raise EvaluationFailed(
            reason=f"The text {corpus.name} is too short: {tokens} tokens, and a chunk has {chunk_tokens}.",
            advice="Name a longer text with --text.",
        )
    matched = sum(len(chunk.following) for chunk in chunks)
    unaligned = sum(chunk.unaligned for chunk in chunks)
    if matched < _LEAST_ALIKE * (matched + unaligned) or not matched:
        raise EvaluationFailed(
            reason=f"The two models cut the text into different pieces:"
            f" {matched:,} of {matched + unaligned:,} places are alike.",
            advice="The reference must have the tokenizer that the model was made with.",
        )


def _compare_chunk(ours: Scorer, theirs: Scorer, chunk: Chunk, shared: SharedPieces) -> Positions:
    if not len(chunk.following):
        return joined([])
    following = shared.place_of(chunk.following)
    our_rows = _rows(ours, chunk.model, chunk.model_positions)
    their_rows = _rows(theirs, chunk.reference, chunk.reference_positions)
    parts, done = [], 0
    for mine, yours in _side_by_side(our_rows, their_rows):
        parts.append(compare(mine, yours, following[done : done + len(mine)], shared))
        done += len(mine)
    return joined(parts)


def _rows(scorer: Scorer, tokens: list[int], positions: Ids) -> Iterator[Matrix]:
    """Logits after the positions asked for, in batches."""
    begin = int(positions[0])
    read = tokens[: int(positions[-1]) + 1]
    for batch in scorer.logits(read, first=begin):
        inside = positions[(positions >= begin) & (positions < begin + len(batch))] - begin
        begin += len(batch)
        if len(inside) == len(batch):
            yield batch
        elif len(inside):
            yield batch[inside]


def _side_by_side(
    ours: Iterator[Matrix], theirs: Iterator[Matrix]
) -> Iterator[tuple[Matrix, Matrix]]:
    """The same number of rows from both, though their batches end at different places."""
    mine = yours = None
    while True:
        mine = next(ours, None) if mine is None or not len(mine) else mine
        yours = next(theirs, None) if yours is None or not len(yours) else yours
        if mine is None or yours is None:
            return
        count = min(len(mine), len(yours))
        yield mine[:count], yours[:count]
        mine, yours = mine[count:], yours[count:]
