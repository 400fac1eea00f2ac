"""One GGUF in llama.cpp for measurements: probabilities of given texts, and logits.

The only module here that calls the C API. What requests have in common is read once: their trunk stays in
cache sequence 0 from call to call, and every request is a sequence that branches off it. The sliding window's
cache is kept at full size, or what a branch needs of the trunk would be gone. Knows no task and no prompt.
"""

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

from soro_edge.engine.api import LoadMode
from soro_edge.engine.model import chat_template, describe, open_model
from soro_edge.engine.native import begin_log, converts_f16_in_hardware, lib
from soro_edge.engine.prefix import shared_tokens
from soro_edge.engine.vocabulary import Vocabulary
from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.branches import Branch, Group, LogLikelihood, Request, groups
from soro_edge.evaluation.rows import Logits, chosen

_READ_TOKENS = 512
"""Largest batch whose logits nobody asks for."""
_BRANCH_TOKENS = 1024
"""Room in the cache for branches, beside one request of full length."""


class Scorer:
    """Owns model and context; a context manager."""

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int = 2048,
        threads: int = 0,
        sequences: int = 48,
        output_tokens: int = 128,
        exact: bool = False,
    ) -> None:
        """`sequences`: requests read at the same time. `output_tokens`: positions whose logits lie in
        memory at the same time, each the vocabulary x 4 bytes, twice. `exact`: cache and attention in
        F32, for comparing with other programs. Raises ModelError."""
        self.context_tokens = 0
        self.threads = threads or os.cpu_count() or 1
        self.sequences = sequences
        self._exact = exact
        self._output_tokens = max(output_tokens, sequences + 1)
        self._context: int | None = None
        self._trunk: tuple[int, ...] = ()
        begin_log(echo=False)
        self._model: int | None = open_model(
            path, load_mode=LoadMode.MAP, repack=True, on_progress=lambda _fraction: None
        )
        template = chat_template(self._model) or ""
        self.vocabulary = Vocabulary(self._model, template=template)
        self.trained_context_tokens: int = lib.llama_model_n_ctx_train(self._model)
        self.info = describe(self._model, path, self.vocabulary, self.trained_context_tokens)
        try:
            self.reserve(context_tokens)
        except EvaluationFailed:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """May be called twice."""
        context, self._context = self._context, None
        if context is not None:
            lib.llama_free(context)
        model, self._model = self._model, None
        if model is not None:
            lib.llama_model_free(model)

    def reserve(self, context_tokens: int) -> None:
        """Make room for requests of so many tokens; what was read is forgotten if there is none. Raises
        EvaluationFailed; after that a smaller room may still be reserved."""
        if context_tokens <= self.context_tokens:
            return
        context, self._context = self._context, None
        if context is not None:
            lib.llama_free(context)
        self.context_tokens, self._trunk = 0, ()
        self._context = self._new_context(context_tokens + _BRANCH_TOKENS)
        self.context_tokens = context_tokens
        self._memory = lib.llama_get_memory(self._context)

    @property
    def room_tokens(self) -> int:
        """So many tokens of all sequences together fit into the cache."""
        return self.context_tokens + _BRANCH_TOKENS

    # Texts and tokens

    @property
    def vocabulary_size(self) -> int:
        return self.vocabulary.size

    @functools.cached_property
    def begin_token(self) -> int:
        """What a text without context begins with: the model's <bos>, or <eos> where it has none."""
        tokens = self.tokenize("", add_bos=True)
        vocab = lib.llama_model_get_vocab(self._model)
        return tokens[0] if tokens else int(lib.llama_vocab_eos(vocab))

    def tokenize(
        self, text: str, *, add_bos: bool = True, parse_special: bool = False
    ) -> list[int]:
        """Control pieces in the text are plain text unless `parse_special`."""
        return self.vocabulary.tokenize_text(text, add_bos=add_bos, parse_special=parse_special)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Without control pieces; letters cut at the ends become `�`."""
        return b"".join(self.vocabulary.bytes_of(token) for token in tokens).decode(
            "utf-8", "replace"
        )

    def pieces(self) -> list[str]:
        """All pieces as they are stored, by token: what two vocabularies are compared by."""
        vocab = lib.llama_model_get_vocab(self._model)
        stored = (lib.llama_vocab_get_text(vocab, token) for token in range(self.vocabulary_size))
        return [piece.decode("utf-8", "replace") for piece in stored]

    # Probabilities

    def logits(self, tokens: Sequence[int], *, first: int = 0) -> Iterator[Logits]:
        """Logits after each of `tokens` from number `first` on, from an empty cache, in batches; each
        array is the caller's own. The iterator must be used up before anything else is asked."""
        if not 0 < len(tokens) <= self.context_tokens:
            raise ValueError(f"{len(tokens)} tokens, the context holds {self.context_tokens}")
        self.clear()
        self._read(tokens[:first], 0)
        for begin in range(first, len(tokens), self._output_tokens):
            part = tokens[begin : begin + self._output_tokens]
            batch = [
                Branch(token=token, position=begin + place, requests=[-1], wanted=[(0, 0)])
                for place, token in enumerate(part)
            ]
            yield self.run(batch).copy()
        self.clear()

    def answer(self, requests: Sequence[Request]) -> Iterator[LogLikelihood]:
        """One answer for each request, in their order. Put requests that begin alike side by side."""
        for group in groups(requests, most=self.sequences, room_tokens=self.room_tokens):
            yield from self._answer(group)

    def clear(self) -> None:
        """Forget what was read."""
        lib.llama_memory_clear(self._memory, True)
        self._trunk = ()

    def grow(self, trunk: tuple[int, ...], branches: int) -> None:
        """`trunk` in sequence 0, as much as is there already kept; branch n is sequence n + 1."""
        kept = shared_tokens(self._trunk, trunk)
        lib.llama_memory_seq_rm(self._memory, 0, kept, -1)
        self._trunk = self._trunk[:kept]
        self._read(trunk[kept:], kept)
        self._trunk = trunk
        for number in range(branches):
            lib.llama_memory_seq_cp(self._memory, 0, number + 1, -1, -1)

    def cut(self, branches: int) -> None:
        """The branches go, the trunk stays."""
        for number in range(branches):
            lib.llama_memory_seq_rm(self._memory, number + 1, -1, -1)

    def _answer(self, group: Group) -> list[LogLikelihood]:
        trunk = group.trunk
        self.grow(trunk, len(group.requests))
        totals = [0.0] * len(group.requests)
        greedy = [True] * len(group.requests)
        for batch in self.batches(group.branches(len(trunk))):
            rows = self.run(batch)
            asked = [branch.wanted for branch in batch if branch.wanted]
            for wanted, found in zip(asked, self._chosen(rows, asked), strict=True):
                for (request, _token), (log_probability, is_first) in zip(
                    wanted, found, strict=True
                ):
                    totals[request] += log_probability
                    greedy[request] &= is_first
        self.cut(len(group.requests))
        return [
            LogLikelihood(total=total, greedy=first, tokens=len(request.continuation))
            for request, total, first in zip(group.requests, totals, greedy, strict=True)
        ]

    def _chosen(
        self, rows: Logits, asked: list[list[tuple[int, int]]]
    ) -> list[list[tuple[float, bool]]]:
        """Rows are shared out among threads: numpy lets go of Python's lock while it computes."""
        with ThreadPoolExecutor(self.threads) as pool:
            tokens = ([token for _request, token in wanted] for wanted in asked)
            return list(pool.map(chosen, rows, tokens))

    def batches(self, branches: list[Branch]) -> Iterator[list[Branch]]:
        """Cut where the batch or its logits would grow too large."""
        batch: list[Branch] = []
        outputs = 0
        for branch in branches:
            if len(batch) == _READ_TOKENS or (branch.wanted and outputs == self._output_tokens):
                yield batch
                batch, outputs = [], 0
            batch.append(branch)
            outputs += bool(branch.wanted)
        if batch:
            yield batch

    def _read(self, tokens: Sequence[int], begin: int) -> None:
        """Into sequence 0, no logits asked for."""
        for place in range(0, len(tokens), _READ_TOKENS):
            part = tokens[place : place + _READ_TOKENS]
            self.run(
                [
                    Branch(token=token, position=begin + place + number, requests=[-1])
                    for number, token in enumerate(part)
                ]
            )

    def run(self, branches: list[Branch]) -> Logits:
        """Let the model read a batch; request n is sequence n + 1. The logits of those whose successor
        is wanted lie in llama.cpp's memory until the next batch."""
        most = max(len(branch.requests) for branch in branches)
        batch = lib.llama_batch_init(len(branches), 0, most)
        try:
            batch.n_tokens = len(branches)
            for index, branch in enumerate(branches):
                batch.token[index], batch.pos[index] = branch.token, branch.position
                batch.n_seq_id[index] = len(branch.requests)
                for place, request in enumerate(branch.requests):
                    batch.seq_id[index][place] = request + 1
                batch.logits[index] = bool(branch.wanted)
            status = lib.llama_decode(self._context, batch)
        finally:
            lib.llama_batch_free(batch)
        if status != 0:
            self.clear()
            raise EvaluationFailed(
                reason=f"llama.cpp could not read a batch of {len(branches)} tokens ({status}).",
                advice="Close other programs; if it happens again, report it with this line.",
            )
        outputs = sum(bool(branch.wanted) for branch in branches)
        if not outputs:
            return np.empty((0, self.vocabulary_size), np.float32)
        found: Logits = np.ctypeslib.as_array(
            lib.llama_get_logits(self._context), shape=(outputs, self.vocabulary_size)
        )
        return found

    def _new_context(self, room_tokens: int) -> int:
        wanted = lib.llama_context_default_params()
        wanted.n_ctx = room_tokens
        wanted.n_batch = wanted.n_ubatch = max(_READ_TOKENS, self._output_tokens)
        wanted.n_outputs_max = self._output_tokens
        wanted.n_seq_max = self.sequences + 1
        wanted.kv_unified = wanted.swa_full = True
        wanted.n_threads = wanted.n_threads_batch = self.threads
        wanted.no_perf = True
        if self._exact or not converts_f16_in_hardware():
            wanted.type_k = wanted.type_v = lib.GGML_TYPE_F32
            wanted.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        context: int | None = lib.llama_init_from_model(self._model, wanted) or None
        if context is None or lib.llama_model_is_recurrent(self._model):
            if context is not None:
                lib.llama_free(context)
            raise EvaluationFailed(
                reason="llama.cpp can make no context that measures this model.",
                advice="Close other programs, or name fewer tokens with --context.",
            )
        return context
