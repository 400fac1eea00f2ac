"""llama.cpp as the converter needs it: tokens, texts and logits of a finished GGUF.

Prints nothing: of llama.cpp's log only errors are kept, and the
first is in the exception when a file cannot be loaded. Knows no checkpoint and no pupil.
"""

import ctypes
import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from llama_cpp import llama_cpp as _bindings
from numpy.typing import NDArray

from convert.errors import VerificationFailed
from convert.weights import Matrix

_lib: Any = _bindings
_ERROR_LEVEL = 4
_AGAIN = "Convert again; if it happens again, report it with this line."
_errors: deque[str] = deque(maxlen=50)


def _keep_errors(level: int, text: bytes, _user_data: object) -> None:
    if level == _ERROR_LEVEL:
        _errors.append(text.decode("utf-8", "replace").strip())


_LOG_CALLBACK = _lib.llama_log_callback(_keep_errors)
"""Lives as long as the module, because llama.cpp keeps the pointer."""


class LlamaModel:
    """One GGUF in llama.cpp; a context manager. One sequence at a time, and no state between calls."""

    def __init__(
        self,
        path: Path,
        *,
        vocabulary_only: bool = False,
        context_tokens: int = 512,
        batch_tokens: int = 64,
        threads: int = 0,
        repack: bool = True,
    ) -> None:
        """Load `path`, or only its tokenizer. `threads` 0 is one for each processor; llama.cpp's own
        default of 4 is far too slow on two. Weights are mapped; `repack` lays them out once more for this
        processor, which takes as much memory again. The memory for logits is batch_tokens x rows x 4 bytes.
        Raises VerificationFailed."""
        _errors.clear()
        _lib.llama_log_set(_LOG_CALLBACK, None)
        self._path, self._context_tokens, self._batch_tokens = path, context_tokens, batch_tokens
        self._model: int | None = None
        self._context: int | None = None
        wanted = _lib.llama_model_default_params()
        wanted.vocab_only = vocabulary_only
        wanted.load_mode = _lib.LLAMA_LOAD_MODE_MMAP
        wanted.use_extra_bufts = repack
        self._model = _lib.llama_model_load_from_file(str(path).encode(), wanted) or None
        if self._model is None:
            raise self._failed("load")
        self._vocabulary = _lib.llama_model_get_vocab(self._model)
        if not vocabulary_only:
            self._context = self._new_context(threads) or None
            if self._context is None:
                self.close()
                raise self._failed("make a context for")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        if self._context is not None:
            _lib.llama_free(self._context)
            self._context = None
        if self._model is not None:
            _lib.llama_model_free(self._model)
            self._model = None

    # The vocabulary

    @property
    def rows(self) -> int:
        """Number of pieces."""
        return int(_lib.llama_vocab_n_tokens(self._vocabulary))

    @property
    def bos(self) -> int:
        """-1 where there is none."""
        return int(_lib.llama_vocab_bos(self._vocabulary))

    @property
    def eos(self) -> int:
        return int(_lib.llama_vocab_eos(self._vocabulary))

    @property
    def end_of_turn(self) -> int:
        return int(_lib.llama_vocab_eot(self._vocabulary))

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
        return bool(_lib.llama_vocab_is_eog(self._vocabulary, token))

    def piece(self, token: int) -> str:
        """The piece as it is stored, spaces as `▁`."""
        stored: bytes = _lib.llama_vocab_get_text(self._vocabulary, token)
        return stored.decode("utf-8", "replace")

    def tokenize(
        self, text: str, *, add_bos: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Token ids. Control pieces in the text are plain text unless `parse_special`."""
        data = text.encode("utf-8")
        room = len(data) + 2
        ids = (_lib.llama_token * room)()
        count = _lib.llama_tokenize(
            self._vocabulary, data, len(data), ids, room, add_bos, parse_special
        )
        if count < 0:
            raise self._failed(f"tokenize {text[:40]!r} with")
        return list(ids[:count])

    def detokenize(self, tokens: Sequence[int], *, special: bool = False) -> bytes:
        """The text in UTF-8, which single tokens may cut inside a letter. Control pieces are left out
        unless `special`."""
        return b"".join(self._bytes_of(token, special) for token in tokens)

    def _bytes_of(self, token: int, special: bool) -> bytes:
        room = 256
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = _lib.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    # Metadata

    def metadata(self, key: str) -> str | None:
        """One metadata value as text; None where the key is absent."""
        room = 1 << 20
        buffer = ctypes.create_string_buffer(room)
        length = _lib.llama_model_meta_val_str(self._model, key.encode(), buffer, room)
        return buffer.raw[:length].decode("utf-8", "replace") if length >= 0 else None

    @property
    def chat_template(self) -> str | None:
        source = _lib.llama_model_chat_template(self._model, None)
        return source.decode("utf-8", "replace") if source else None

    # Running

    def logits(self, tokens: Sequence[int]) -> Matrix:
        """[tokens, rows] logits after each token, from an empty context. Raises VerificationFailed."""
        return np.concatenate(list(self.logits_in_batches(tokens)))

    def logits_in_batches(self, tokens: Sequence[int]) -> Iterator[Matrix]:
        """The same, `batch_tokens` positions at a time; each matrix is the caller's own."""
        self._require_context(len(tokens))
        _lib.llama_memory_clear(_lib.llama_get_memory(self._context), True)
        for begin in range(0, len(tokens), self._batch_tokens):
            yield self._run(tokens[begin : begin + self._batch_tokens], begin)

    def generate(self, tokens: Sequence[int], count: int) -> list[int]:
        """Up to `count` greedily chosen tokens; stops before one that ends the answer. Raises
        VerificationFailed where logits are no numbers."""
        self._require_context(len(tokens) + count)
        for last in self.logits_in_batches(tokens):
            if not np.isfinite(last).all():
                raise VerificationFailed(
                    f"{self._path.name} computes logits that are no numbers.", _AGAIN
                )
            following = int(last[-1].argmax())
        answer: list[int] = []
        while len(answer) < count and not self.is_end(following):
            answer.append(following)
            position = len(tokens) + len(answer) - 1
            following = int(self._run([following], position)[-1].argmax())
        return answer

    def _run(self, tokens: Sequence[int], position: int) -> Matrix:
        """One batch at its place in the sequence: [tokens, rows]."""
        count = len(tokens)
        batch = _lib.llama_batch_init(count, 0, 1)
        try:
            batch.n_tokens = count
            for index, token in enumerate(tokens):
                batch.token[index], batch.pos[index] = token, position + index
                batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
                batch.logits[index] = 1
            if _lib.llama_decode(self._context, batch) != 0:
                raise self._failed("run")
        finally:
            _lib.llama_batch_free(batch)
        found: NDArray[np.float32] = np.ctypeslib.as_array(
            _lib.llama_get_logits(self._context), shape=(count, self.rows)
        )
        return found.copy()

    def _new_context(self, threads: int) -> int | None:
        wanted = _lib.llama_context_default_params()
        wanted.n_ctx = self._context_tokens
        wanted.n_batch = wanted.n_ubatch = self._batch_tokens
        wanted.n_threads = wanted.n_threads_batch = threads or os.cpu_count() or 1
        wanted.no_perf = True
        context: int | None = _lib.llama_init_from_model(self._model, wanted)
        return context

    def _require_context(self, tokens: int) -> None:
        if self._context is None:
            raise RuntimeError("only the vocabulary is loaded")
        if not 0 < tokens <= self._context_tokens:
            raise ValueError(f"{tokens} tokens, the context holds 1 to {self._context_tokens}")

    def _failed(self, what: str) -> VerificationFailed:
        reason = _errors[0].removesuffix(".") if _errors else "it gave no reason"
        return VerificationFailed(
            f"llama.cpp cannot {what} {self._path.name}: {reason}.",
            _AGAIN,
        )
