"""LlamaEngine: llama.cpp through its C API, in this process. The only importer of llama_cpp here.

It runs inside the worker. It keeps one sequence in the KV cache and prefills only what is new. Knows
no conversation and no template, only prompts of control tokens and text.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import re
import secrets
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from soro_edge.engine.api import (
    Control,
    EngineOptions,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    ModelInfo,
    Prefilled,
    Prompt,
    Sampling,
    Statistics,
    TextPiece,
)
from soro_edge.engine.detokenizer import StreamingDecoder
from soro_edge.engine.hardware import default_threads
from soro_edge.engine.loops import LoopGuard
from soro_edge.engine.prefix import reusable_tokens
from soro_edge.errors import (
    BadTemplate,
    ModelFileMissing,
    ModelNotLoaded,
    NotAModel,
    QuestionTooLong,
    UnsupportedModel,
)


def load_bindings() -> types.ModuleType:
    """llama_cpp.llama_cpp without its package's __init__, which imports numpy and a chat library:
    0.4 seconds and 40 MB that the C API does not need."""
    if "llama_cpp.llama_cpp" in sys.modules:
        return sys.modules["llama_cpp.llama_cpp"]
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("llama_cpp is not installed")
    if "llama_cpp" not in sys.modules:
        package = types.ModuleType("llama_cpp")
        package.__spec__ = spec
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["llama_cpp"] = package
    return importlib.import_module("llama_cpp.llama_cpp")


_lib = load_bindings()
_UNKNOWN_ARCHITECTURE = re.compile(r"unknown model architecture: '([^']*)'")
_PIECE_BYTES = 512


class LlamaEngine:
    """One model, one context, one sequence. Obeys the Engine protocol."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._stopped = threading.Event()
        self._info: ModelInfo | None = None
        self._cached: list[int] = []
        self._written: dict[str, list[int]] = {}
        self._model: int | None = None
        self._context: int | None = None
        self._piece = ctypes.create_string_buffer(_PIECE_BYTES)

    def load(self, on_progress: Callable[[float], None] = lambda fraction: None) -> ModelInfo:
        if self._info is None:
            self._info = self._load(on_progress)
        return self._info

    @property
    def native_context(self) -> int | None:
        """llama.cpp's context pointer, for the benchmark's bare loop."""
        return self._context

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        self.load()
        return [len(self.tokenize(prompt)) for prompt in prompts]

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        if self._context is not None:
            _lib.llama_free(self._context)
            self._context = None
        if self._model is not None:
            _lib.llama_model_free(self._model)
            self._model = None
        self._info = None
        self._cached = []

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        began = time.perf_counter()
        self._stopped.clear()
        info = self.load()
        prompt = self.tokenize(request.prompt)
        if len(prompt) >= info.context_tokens:
            raise QuestionTooLong(have_tokens=len(prompt), room_tokens=info.context_tokens - 1)
        reused = self._keep(prompt)
        answer = _Answer(request.prompt, min(request.max_tokens, info.context_tokens - len(prompt)))
        reason = FinishReason.STOPPED
        for done in self._prefill(prompt, reused):
            yield Prefilled(done, len(prompt))
        if len(self._cached) == len(prompt):
            with _sampler(request.sampling, self._vocab_size) as sampler:
                yield from self._decode(answer, sampler)
            reason = answer.reason
            if answer.limit < request.max_tokens and reason is FinishReason.MAX_TOKENS:
                reason = FinishReason.CONTEXT_FULL
        self._remember(answer)
        yield Finished(
            reason,
            Statistics(
                prompt_tokens=len(prompt),
                reused_tokens=reused,
                generated_tokens=len(answer.tokens),
                first_token_seconds=(answer.first_at or time.perf_counter()) - began,
                decode_seconds=answer.last_at - (answer.first_at or answer.last_at),
                context_tokens=info.context_tokens,
            ),
        )

    # Loading

    def _load(self, on_progress: Callable[[float], None]) -> ModelInfo:
        path = Path(self._options.model_path)
        _check_magic(path)
        parameters = _lib.llama_model_default_params()
        # Read, not mapped: repacking copies the weights, and mapped pages would stay beside the copy.
        parameters.load_mode = _lib.LLAMA_LOAD_MODE_NONE

        def progress(fraction: float, _user_data: object) -> bool:
            on_progress(fraction)
            return True

        progress_callback = _lib.llama_progress_callback(progress)
        parameters.progress_callback = progress_callback
        _log_lines.clear()
        _lib.llama_log_set(_LOG_CALLBACK, None)
        self._model = _lib.llama_model_load_from_file(str(path).encode(), parameters) or None
        if self._model is None:
            raise _load_error(path, "".join(_log_lines))
        self._context = self._new_context() or None
        if self._context is None:
            self.close()
            raise ModelNotLoaded(reason=_last_line("".join(_log_lines)), log="engine.log")
        self._vocab = _lib.llama_model_get_vocab(self._model)
        self._vocab_size = _lib.llama_vocab_n_tokens(self._vocab)
        self._memory = _lib.llama_get_memory(self._context)
        self._window_tokens = max(0, _lib.llama_model_n_swa(self._model))
        self._control_ids = self._find_control_ids()
        return self._describe(path)

    def _new_context(self) -> int | None:
        wanted = _lib.llama_context_default_params()
        trained = _lib.llama_model_n_ctx_train(self._model)
        wanted.n_ctx = min(self._options.context_tokens, trained)
        wanted.n_batch = wanted.n_ubatch = self._options.prefill_batch_tokens
        wanted.n_threads = wanted.n_threads_batch = self._options.threads or default_threads()
        wanted.swa_full = False
        wanted.no_perf = True
        context: int | None = _lib.llama_init_from_model(self._model, wanted)
        return context

    def _find_control_ids(self) -> dict[str, int]:
        """Control pieces by text: those that end a turn and those that the template names."""
        template = self._template() or ""
        found = {}
        for token in range(self._vocab_size):
            if not _lib.llama_vocab_is_control(self._vocab, token):
                continue
            piece = _lib.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace")
            if piece in template or piece in _GEMMA_PIECES or self._is_end(token):
                found[piece] = token
        return found

    def _template(self) -> str | None:
        source = _lib.llama_model_chat_template(self._model, None)
        return source.decode("utf-8", "replace") if source else None

    def _describe(self, path: Path) -> ModelInfo:
        def text_of(token: int) -> str | None:
            return _lib.llama_vocab_get_text(self._vocab, token).decode() if token >= 0 else None

        bos, eos = _lib.llama_vocab_bos(self._vocab), _lib.llama_vocab_eos(self._vocab)
        bos_text = text_of(bos) if _lib.llama_vocab_get_add_bos(self._vocab) else None
        for token, text in ((bos, bos_text), (eos, text_of(eos))):
            if text is not None:
                self._control_ids.setdefault(text, token)
        description = ctypes.create_string_buffer(256)
        _lib.llama_model_desc(self._model, description, len(description))
        return ModelInfo(
            name=self._metadata("general.name") or path.stem,
            architecture=self._metadata("general.architecture") or "",
            description=description.value.decode("utf-8", "replace"),
            context_tokens=_lib.llama_n_ctx(self._context),
            chat_template=self._template(),
            control_pieces=tuple(self._control_ids),
            bos=bos_text,
            eos=text_of(eos),
        )

    def _metadata(self, key: str) -> str | None:
        value = ctypes.create_string_buffer(1024)
        length = _lib.llama_model_meta_val_str(self._model, key.encode(), value, len(value))
        return value.value.decode("utf-8", "replace") if length >= 0 else None

    # Tokens

    def tokenize(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt. Raises BadTemplate for a control piece the model does not have."""
        tokens: list[int] = []
        for part in prompt:
            if isinstance(part, Control):
                if part.piece not in self._control_ids:
                    raise BadTemplate(reason=part.piece)
                tokens.append(self._control_ids[part.piece])
            else:
                tokens += self._written.get(part.text) or self._tokenize_text(part.text)
        return tokens

    def _tokenize_text(self, text: str) -> list[int]:
        data = text.encode("utf-8")
        room = len(data) + 2
        ids = (_lib.llama_token * room)()
        count = _lib.llama_tokenize(self._vocab, data, len(data), ids, room, False, False)
        return list(ids[:count])

    def _bytes_of(self, token: int) -> bytes:
        count = _lib.llama_token_to_piece(self._vocab, token, self._piece, _PIECE_BYTES, 0, False)
        if count < 0:
            self._piece = ctypes.create_string_buffer(-count)
            count = _lib.llama_token_to_piece(self._vocab, token, self._piece, -count, 0, False)
        return self._piece.raw[:count]

    def _is_end(self, token: int) -> bool:
        return bool(_lib.llama_vocab_is_eog(self._vocab, token))

    def _remember(self, answer: "_Answer") -> None:
        """Keep the tokens of a written answer: its text may tokenize differently, and then the KV
        cache of the whole answer would be lost in the next turn."""
        tail = answer.prompt[-1]
        if isinstance(tail, Control):
            return
        key = tail.text + answer.text
        self._written[key] = self._tokenize_text(tail.text) + answer.tokens
        if len(self._written) > 64:
            del self._written[next(iter(self._written))]

    # The KV cache

    def _keep(self, prompt: list[int]) -> int:
        """Cut the cache back to the longest usable start of `prompt`; its length."""
        oldest = _lib.llama_memory_seq_pos_min(self._memory, 0) if self._cached else 0
        kept = reusable_tokens(
            self._cached, prompt, oldest_position=oldest, window_tokens=self._window_tokens
        )
        if kept == 0 or not _lib.llama_memory_seq_rm(self._memory, 0, kept, -1):
            _lib.llama_memory_clear(self._memory, True)
            kept = 0
        self._cached = prompt[:kept]
        return kept

    def _prefill(self, prompt: list[int], begin: int) -> Iterator[int]:
        """Read the prompt's new tokens batch by batch; how far it is, after each. Obeys stop."""
        size = self._options.prefill_batch_tokens
        for start in range(begin, len(prompt), size):
            if self._stopped.is_set():
                return
            self._run(prompt[start : start + size])
            yield len(self._cached)

    def _run(self, tokens: list[int]) -> None:
        batch = (_lib.llama_token * len(tokens))(*tokens)
        status = _lib.llama_decode(self._context, _lib.llama_batch_get_one(batch, len(tokens)))
        if status != 0:
            # The cache's content is unknown now; the next prompt begins from nothing.
            self._cached = []
            raise ModelNotLoaded(reason=f"llama_decode: {status}", log="engine.log")
        self._cached += tokens

    def _decode(self, answer: "_Answer", sampler: int) -> Iterator[TextPiece]:
        decoder, guard = StreamingDecoder(), LoopGuard()
        while True:
            if self._stopped.is_set():
                answer.reason = FinishReason.STOPPED
                break
            token = _lib.llama_sampler_sample(sampler, self._context, -1)
            answer.last_at = time.perf_counter()
            answer.first_at = answer.first_at or answer.last_at
            if self._is_end(token):
                answer.reason = FinishReason.END
                break
            answer.tokens.append(token)
            text = decoder.feed(self._bytes_of(token))
            if text:
                answer.text += text
                yield TextPiece(text)
            if guard.loops(token):
                answer.reason = FinishReason.LOOP
                break
            if len(answer.tokens) >= answer.limit:
                answer.reason = FinishReason.MAX_TOKENS
                break
            self._run([token])
        rest = decoder.finish()
        if rest:
            answer.text += rest
            yield TextPiece(rest)


_GEMMA_PIECES = frozenset({"<start_of_turn>", "<end_of_turn>"})


class _Answer:
    """What `generate` knows of the answer being written."""

    def __init__(self, prompt: Prompt, limit: int) -> None:
        self.prompt = prompt
        self.limit = limit
        self.tokens: list[int] = []
        self.text = ""
        self.reason = FinishReason.END
        self.first_at = 0.0
        self.last_at = 0.0


@contextlib.contextmanager
def _sampler(sampling: Sampling, vocab_size: int) -> Iterator[int]:
    """llama.cpp's sampler chain in its usual order; freed at the end."""
    chain = _lib.llama_sampler_chain_init(_lib.llama_sampler_chain_default_params())

    def add(sampler: int) -> None:
        _lib.llama_sampler_chain_add(chain, sampler)

    if sampling.repeat_penalty != 1.0:
        last = sampling.repeat_last_tokens
        penalty = sampling.repeat_penalty
        add(_lib.llama_sampler_init_penalties(vocab_size, last, penalty, 0.0, 0.0))
    if sampling.temperature <= 0:
        add(_lib.llama_sampler_init_greedy())
    else:
        seed = secrets.randbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
        add(_lib.llama_sampler_init_top_k(sampling.top_k))
        add(_lib.llama_sampler_init_top_p(sampling.top_p, 1))
        add(_lib.llama_sampler_init_min_p(sampling.min_p, 1))
        add(_lib.llama_sampler_init_temp(sampling.temperature))
        add(_lib.llama_sampler_init_dist(seed))
    try:
        yield chain
    finally:
        _lib.llama_sampler_free(chain)


_log_lines: deque[str] = deque(maxlen=200)


def _keep_log(_level: int, text: bytes, _user_data: object) -> None:
    """llama.cpp's log: to stderr, which the parent sends to a file, and the latest lines for us."""
    line = text.decode("utf-8", "replace")
    _log_lines.append(line)
    sys.stderr.write(line)


_LOG_CALLBACK = _lib.llama_log_callback(_keep_log)
"""Lives as long as the module, because llama.cpp keeps the pointer."""


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise ModelFileMissing(name=path.stem, path=str(path)) from None
    except OSError as error:
        raise ModelNotLoaded(reason=error.strerror or str(error), log="engine.log") from error
    if magic != b"GGUF":
        raise NotAModel(path=str(path))


def _load_error(path: Path, log: str) -> UnsupportedModel | ModelNotLoaded:
    unknown = _UNKNOWN_ARCHITECTURE.search(log)
    if unknown:
        return UnsupportedModel(architecture=unknown[1], path=str(path))
    return ModelNotLoaded(reason=_last_line(log), log="engine.log")


def _last_line(log: str) -> str:
    told = [line for line in log.splitlines() if "error" in line or "failed" in line]
    return told[0].strip() if told else "?"
