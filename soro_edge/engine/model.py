"""A GGUF file as a loaded model with its context: opened, described, closed.

Knows llama.cpp's parameters and its errors, no tokens and no prompt.
"""

import ctypes
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from soro_edge.engine.api import EngineOptions, KvCacheType, LoadMode, ModelInfo
from soro_edge.engine.hardware import default_threads
from soro_edge.engine.native import (
    VARIANT,
    begin_log,
    converts_f16_in_hardware,
    lib,
    log_text,
)
from soro_edge.engine.pages import ask_for_large_pages, memory_in_use
from soro_edge.engine.threads import ThreadPools
from soro_edge.engine.vocabulary import Vocabulary
from soro_edge.model_errors import ModelFileMissing, ModelNotLoaded, NotAModel, UnsupportedModel

_UNKNOWN_ARCHITECTURE = re.compile(r"unknown model architecture: '([^']*)'")
_LOAD_MODES = {
    LoadMode.READ: lib.LLAMA_LOAD_MODE_NONE,
    LoadMode.MAP: lib.LLAMA_LOAD_MODE_MMAP,
    LoadMode.LOCK: lib.LLAMA_LOAD_MODE_MLOCK,
}


class LoadedModel:
    """Owns llama.cpp's model and context; `close` gives them back."""

    def __init__(self, options: EngineOptions, on_progress: Callable[[float], None]) -> None:
        f16_in_hardware = converts_f16_in_hardware()
        options = resolve_attention(options, f16_in_hardware=f16_in_hardware)
        self._options = options
        path = Path(options.model_path)
        begin_log()
        self.model: int | None = open_model(
            path, load_mode=options.load_mode, repack=options.repack, on_progress=on_progress
        )
        self.context: int | None = None
        self._pools = ThreadPools()
        with ExitStack() as undo:
            undo.callback(self.close)
            self.context = self._new_context()
            if self.context is None:
                raise ModelNotLoaded(reason=_last_line(log_text()))
            self.window_tokens: int = max(0, lib.llama_model_n_swa(self.model))
            self.threads: int = lib.llama_n_threads(self.context)
            self.prefill_threads: int = lib.llama_n_threads_batch(self.context)
            self.use_threads(self.threads, self.prefill_threads)
            self.vocabulary = Vocabulary(self.model, template=chat_template(self.model) or "")
            self.info = replace(
                describe(self.model, path, self.vocabulary, lib.llama_n_ctx(self.context)),
                f16_in_hardware=f16_in_hardware,
                kv_cache_type=options.kv_cache_type,
                flash_attention=bool(options.flash_attention),
            )
            undo.pop_all()

    def close(self) -> None:
        """May be called twice."""
        context, self.context = self.context, None
        if context is not None:
            lib.llama_free(context)
        self._pools.close()
        model, self.model = self.model, None
        if model is not None:
            lib.llama_model_free(model)

    def use_threads(self, writing: int, reading: int) -> None:
        """For the next steps: of one token, and of a batch."""
        assert self.context is not None
        self._pools.use(self.context, writing=writing, reading=reading)

    def _new_context(self) -> int | None:
        options = self._options
        wanted = lib.llama_context_default_params()
        # Nought, or more than fits into 32 bits, says nothing.
        trained = lib.llama_model_n_ctx_train(self.model)
        wanted.n_ctx = min(options.context_tokens, trained if trained > 0 else 1 << 30)
        wanted.n_batch = wanted.n_ubatch = options.prefill_batch_tokens
        # Only the last token's logits are ever asked for; room for all would be n_ubatch x n_vocab.
        wanted.n_outputs_max = 1
        wanted.n_threads = options.threads or default_threads()
        wanted.n_threads_batch = options.prefill_threads or wanted.n_threads
        wanted.flash_attn_type = (
            lib.LLAMA_FLASH_ATTN_TYPE_AUTO
            if options.flash_attention
            else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        if options.kv_cache_type is KvCacheType.F32:
            wanted.type_k = wanted.type_v = lib.GGML_TYPE_F32
        wanted.swa_full = False
        wanted.no_perf = True
        context: int | None = lib.llama_init_from_model(self.model, wanted)
        return context


def resolve_attention(options: EngineOptions, *, f16_in_hardware: bool) -> EngineOptions:
    """`options` with a KV cache type and an attention, where they leave these to the processor."""
    kv_cache_type, flash_attention = options.kv_cache_type, options.flash_attention
    if kv_cache_type is KvCacheType.AUTO:
        kv_cache_type = KvCacheType.F16 if f16_in_hardware else KvCacheType.F32
    if flash_attention is None:
        flash_attention = f16_in_hardware
    return replace(options, kv_cache_type=kv_cache_type, flash_attention=flash_attention)


def chat_template(model: int) -> str | None:
    """The Jinja in the file."""
    source = lib.llama_model_chat_template(model, None)
    return source.decode("utf-8", "replace") if source else None


def describe(model: int, path: Path, vocabulary: Vocabulary, context_tokens: int) -> ModelInfo:
    """What those who write prompts must know of it."""
    description = ctypes.create_string_buffer(256)
    lib.llama_model_desc(model, description, len(description))
    return ModelInfo(
        name=_metadata(model, "general.name") or path.stem,
        architecture=_metadata(model, "general.architecture") or "",
        description=description.value.decode("utf-8", "replace"),
        context_tokens=context_tokens,
        chat_template=chat_template(model),
        control_pieces=vocabulary.control_pieces,
        bos=vocabulary.bos,
        eos=vocabulary.eos,
        variant=VARIANT,
    )


def _metadata(model: int, key: str) -> str | None:
    value = ctypes.create_string_buffer(1024)
    length = lib.llama_model_meta_val_str(model, key.encode(), value, len(value))
    return value.value.decode("utf-8", "replace") if length >= 0 else None


def open_model(
    path: Path, *, load_mode: LoadMode, repack: bool, on_progress: Callable[[float], None]
) -> int:
    """llama.cpp's model, for its caller to free. Raises ModelError, and what `on_progress` raises."""
    _check_magic(path)
    wanted = lib.llama_model_default_params()
    wanted.load_mode = _LOAD_MODES[load_mode]
    wanted.use_extra_bufts = repack

    before, raised = memory_in_use(), list[BaseException]()

    def progress(fraction: float, _user_data: object) -> bool:
        # What a callback raises gets lost, Ctrl-C too.
        try:
            if fraction == 0:  # room was made for all weights, and nothing was read into it yet
                ask_for_large_pages(before)
            on_progress(fraction)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            raised.append(error)
        return not raised

    callback = lib.llama_progress_callback(progress)
    wanted.progress_callback = callback
    model: int | None = lib.llama_model_load_from_file(str(path).encode(), wanted) or None
    if raised:
        if model is not None:
            lib.llama_model_free(model)
        raise raised[0]
    if model is None:
        raise _load_error(path, log_text())
    return model


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise ModelFileMissing(name=path.stem, path=str(path)) from None
    except OSError as error:
        raise ModelNotLoaded(reason=error.strerror or str(error)) from error
    if magic != b"GGUF":
        raise NotAModel(path=str(path))


def _load_error(path: Path, log: str) -> UnsupportedModel | ModelNotLoaded:
    unknown = _UNKNOWN_ARCHITECTURE.search(log)
    if unknown:
        return UnsupportedModel(architecture=unknown[1], path=str(path))
    return ModelNotLoaded(reason=_last_line(log))


def _last_line(log: str) -> str:
    told = [line for line in log.splitlines() if "error" in line or "failed" in line]
    return told[0].strip() if told else "?"
