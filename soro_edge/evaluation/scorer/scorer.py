"""A GGUF model in llama.cpp for measurements: log-likelihoods of given continuations, and logits.

This is the only module of the evaluation that calls the C API. A prefix that several requests share is
decoded once: it stays in sequence 0 of the KV cache from call to call, and every request is a sequence that
branches off it. The KV cache of sliding-window layers is kept at full size, because branches need the whole
prefix. Knows no task and no prompt.
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
from soro_edge.evaluation.scorer.log_softmax import Logits, log_probabilities
from soro_edge.evaluation.scorer.prefix_tree import (
    LogLikelihood,
    Node,
    Request,
    RequestGroup,
    groups,
)

_PREFILL_TOKENS = 512
"""The largest batch of a prefill, of which no logits are needed."""
_BRANCH_TOKENS = 1024
"""Room in the KV cache for branches, beside one request of full length."""


class Scorer:
    """Owns a model and its context in llama.cpp. It is a context manager."""

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
        """Load the model in `path`. Raises ModelError.

        `sequences` is how many requests are decoded at the same time. `output_tokens` is the number of
        positions whose logits are in memory at the same time, each twice the vocabulary x 4 bytes.
        `exact` computes KV cache and attention in F32, for comparisons with other programs.
        """
        self.context_tokens = 0
        self.threads = threads or os.cpu_count() or 1
        self.sequences = sequences
        self._exact = exact
        self._output_tokens = max(output_tokens, sequences + 1)
        self._context: int | None = None
        self._prefix: tuple[int, ...] = ()
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
        """Free the model and its context. It may be called twice."""
        context, self._context = self._context, None
        if context is not None:
            lib.llama_free(context)
        model, self._model = self._model, None
        if model is not None:
            lib.llama_model_free(model)

    def reserve(self, context_tokens: int) -> None:
        """Make room in the KV cache for requests of so many tokens. Raises EvaluationFailed.

        Where the cache must grow, what was decoded is lost. After a failure a smaller room can be reserved.
        """
        if context_tokens <= self.context_tokens:
            return
        context, self._context = self._context, None
        if context is not None:
            lib.llama_free(context)
        self.context_tokens, self._prefix = 0, ()
        self._context = self._new_context(context_tokens + _BRANCH_TOKENS)
        self.context_tokens = context_tokens
        self._memory = lib.llama_get_memory(self._context)

    @property
    def room_tokens(self) -> int:
        """How many tokens of all sequences together fit into the KV cache."""
        return self.context_tokens + _BRANCH_TOKENS

    # Texts and tokens

    @property
    def vocabulary_size(self) -> int:
        return self.vocabulary.size

    @functools.cached_property
    def begin_token(self) -> int:
        """The token that a text without context begins with: <bos>, or <eos> where the model has no <bos>."""
        tokens = self.tokenize("", add_bos=True)
        vocab = lib.llama_model_get_vocab(self._model)
        return tokens[0] if tokens else int(lib.llama_vocab_eos(vocab))

    def tokenize(
        self, text: str, *, add_bos: bool = True, parse_special: bool = False
    ) -> list[int]:
        """Tokenize a text. Control tokens in it are plain text unless `parse_special` is set."""
        return self.vocabulary.tokenize_text(text, add_bos=add_bos, parse_special=parse_special)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without control tokens. Letters cut at its ends become `�`."""
        return b"".join(self.vocabulary.bytes_of(token) for token in tokens).decode(
            "utf-8", "replace"
        )

    def pieces(self) -> list[str]:
        """All pieces of the vocabulary in the order of their ids, as the file stores them."""
        vocab = lib.llama_model_get_vocab(self._model)
        stored = (lib.llama_vocab_get_text(vocab, token) for token in range(self.vocabulary_size))
        return [piece.decode("utf-8", "replace") for piece in stored]

    # Probabilities

    def logits(self, tokens: Sequence[int], *, first: int = 0) -> Iterator[Logits]:
        """Yield the logits after each of `tokens` from number `first` on, in batches.

        The KV cache is cleared first. Each array is the caller's own. Use the iterator up before you
        call anything else.
        """
        if not 0 < len(tokens) <= self.context_tokens:
            raise ValueError(f"{len(tokens)} tokens, the context holds {self.context_tokens}")
        self.clear()
        self._prefill(tokens[:first], 0)
        for begin in range(first, len(tokens), self._output_tokens):
            part = tokens[begin : begin + self._output_tokens]
            batch = [
                Node(token=token, position=begin + place, requests=[-1], targets=[(0, 0)])
                for place, token in enumerate(part)
            ]
            yield self.decode(batch).copy()
        self.clear()

    def log_likelihoods(self, requests: Sequence[Request]) -> Iterator[LogLikelihood]:
        """Yield the log-likelihood of each request, in order. Put requests that begin alike side by side."""
        for group in groups(requests, most=self.sequences, room_tokens=self.room_tokens):
            yield from self.log_likelihoods_of(group)

    def clear(self) -> None:
        """Clear the KV cache."""
        lib.llama_memory_clear(self._memory, True)
        self._prefix = ()

    def read_prefix(self, prefix: tuple[int, ...], branches: int) -> None:
        """Decode `prefix` into sequence 0, reusing what is there, and copy it to the sequences after it."""
        kept = shared_tokens(self._prefix, prefix)
        lib.llama_memory_seq_rm(self._memory, 0, kept, -1)
        self._prefix = self._prefix[:kept]
        self._prefill(prefix[kept:], kept)
        self._prefix = prefix
        for number in range(branches):
            lib.llama_memory_seq_cp(self._memory, 0, number + 1, -1, -1)

    def drop_branches(self, branches: int) -> None:
        """Remove sequences 1 to `branches` from the KV cache. The prefix stays."""
        for number in range(branches):
            lib.llama_memory_seq_rm(self._memory, number + 1, -1, -1)

    def log_likelihoods_of(self, group: RequestGroup) -> list[LogLikelihood]:
        """The log-likelihoods of requests that are decoded together."""
        prefix = group.shared_prefix
        self.read_prefix(prefix, len(group.requests))
        totals = [0.0] * len(group.requests)
        greedy = [True] * len(group.requests)
        for batch in self.batches(group.nodes(len(prefix))):
            rows = self.decode(batch)
            asked = [node.targets for node in batch if node.targets]
            for wanted, found in zip(asked, self._log_probabilities(rows, asked), strict=True):
                for (request, _token), (log_probability, is_first) in zip(
                    wanted, found, strict=True
                ):
                    totals[request] += log_probability
                    greedy[request] &= is_first
        self.drop_branches(len(group.requests))
        return [
            LogLikelihood(total=total, greedy=first, tokens=len(request.continuation))
            for request, total, first in zip(group.requests, totals, greedy, strict=True)
        ]

    def _log_probabilities(
        self, rows: Logits, asked: list[list[tuple[int, int]]]
    ) -> list[list[tuple[float, bool]]]:
        """Compute log-probabilities in threads: numpy releases Python's lock while it computes."""
        with ThreadPoolExecutor(self.threads) as pool:
            tokens = ([token for _request, token in wanted] for wanted in asked)
            return list(pool.map(log_probabilities, rows, tokens))

    def batches(self, nodes: list[Node]) -> Iterator[list[Node]]:
        """Split nodes into batches that are small enough, and so are their logits."""
        batch: list[Node] = []
        outputs = 0
        for node in nodes:
            if len(batch) == _PREFILL_TOKENS or (node.targets and outputs == self._output_tokens):
                yield batch
                batch, outputs = [], 0
            batch.append(node)
            outputs += bool(node.targets)
        if batch:
            yield batch

    def _prefill(self, tokens: Sequence[int], begin: int) -> None:
        """Decode tokens into sequence 0 without logits."""
        for place in range(0, len(tokens), _PREFILL_TOKENS):
            part = tokens[place : place + _PREFILL_TOKENS]
            self.decode(
                [
                    Node(token=token, position=begin + place + number, requests=[-1])
                    for number, token in enumerate(part)
                ]
            )

    def decode(self, nodes: list[Node]) -> Logits:
        """Decode a batch and return the logits of the nodes that have targets. Raises EvaluationFailed.

        Request n is sequence n + 1. The logits are llama.cpp's own memory and valid until the next batch.
        """
        most = max(len(node.requests) for node in nodes)
        batch = lib.llama_batch_init(len(nodes), 0, most)
        try:
            batch.n_tokens = len(nodes)
            for index, node in enumerate(nodes):
                batch.token[index], batch.pos[index] = node.token, node.position
                batch.n_seq_id[index] = len(node.requests)
                for place, request in enumerate(node.requests):
                    batch.seq_id[index][place] = request + 1
                batch.logits[index] = bool(node.targets)
            status = lib.llama_decode(self._context, batch)
        finally:
            lib.llama_batch_free(batch)
        if status != 0:
            self.clear()
            raise EvaluationFailed(
                reason=f"llama.cpp could not read a batch of {len(nodes)} tokens ({status}).",
                advice="Close other programs; if it happens again, report it with this line.",
            )
        outputs = sum(bool(node.targets) for node in nodes)
        if not outputs:
            return np.empty((0, self.vocabulary_size), np.float32)
        found: Logits = np.ctypeslib.as_array(
            lib.llama_get_logits(self._context), shape=(outputs, self.vocabulary_size)
        )
        return found

    def _new_context(self, room_tokens: int) -> int:
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = room_tokens
        parameters.n_batch = parameters.n_ubatch = max(_PREFILL_TOKENS, self._output_tokens)
        parameters.n_outputs_max = self._output_tokens
        parameters.n_seq_max = self.sequences + 1
        parameters.kv_unified = parameters.swa_full = True
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.no_perf = True
        if self._exact or not converts_f16_in_hardware():
            parameters.type_k = parameters.type_v = lib.GGML_TYPE_F32
            parameters.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        context: int | None = lib.llama_init_from_model(self._model, parameters) or None
        if context is None or lib.llama_model_is_recurrent(self._model):
            if context is not None:
                lib.llama_free(context)
            raise EvaluationFailed(
                reason="llama.cpp can make no context that measures this model.",
                advice="Close other programs, or name fewer tokens with --context.",
            )
        return context
