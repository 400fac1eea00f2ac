"""What the engine's process will take, counted from the file's head before anything is loaded.

Knows the head and the engine's options, no llama.cpp; its rules are llama.cpp's, its sums were compared
with real processes (tests/engine/test_memory.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from soro_edge.engine.api import EngineOptions, KvCacheType, LoadMode
from soro_edge.gguf_header import GgufHeader

PROGRAM_BYTES = 40_000_000
"""The interpreter, llama.cpp's code and its graphs."""
BYTES_A_PIECE = 250
"""Of the vocabulary: text, score, their places in llama.cpp's tables, a place in the sampler."""
_CELLS_STEP = 256
"""llama.cpp rounds a cache up to so many tokens."""
_GEMMA3_GLOBAL_EVERY = 6
SMALLEST_CONTEXT_TOKENS = 512
_VALUE_BYTES = {
    KvCacheType.F16: 2,
    KvCacheType.F32: 4,
    # Only the engine's process knows what its processor takes: count the larger.
    KvCacheType.AUTO: 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """The sum and its parts."""

    context_tokens: int
    """That it is counted for."""
    weights_bytes: int
    cache_bytes: int
    """KV cache: all of the context in global layers, the window alone in the others."""
    buffer_bytes: int
    """For one batch under way."""
    checkpoint_bytes: int
    """Ways back to earlier turns; a state on its way to or from the disk takes their place."""
    program_bytes: int

    @property
    def total_bytes(self) -> int:
        return (
            self.weights_bytes
            + self.cache_bytes
            + self.buffer_bytes
            + self.checkpoint_bytes
            + self.program_bytes
        )


def checkpoint_bytes(weights_bytes: int) -> int:
    """What the ways back to earlier turns may take: two of them with 1B, one with 4B."""
    return max(24_000_000, weights_bytes // 20)


def plan_memory(header: GgufHeader, options: EngineOptions) -> MemoryPlan:
    """What a process with these options will take."""
    shape = _Shape.of(header)
    batch = options.prefill_batch_tokens
    context = _round_up(options.context_tokens)
    window_cells = min(context, _round_up(shape.window_tokens + batch))
    window_layers = shape.layers - shape.global_layers
    cell_bytes = 2 * _VALUE_BYTES[options.kv_cache_type] * shape.cell_values
    cells = shape.global_layers * context + window_layers * window_cells
    twice = options.load_mode is LoadMode.MAP and options.repack
    return MemoryPlan(
        context_tokens=options.context_tokens,
        weights_bytes=header.need_bytes * (2 if twice else 1),
        cache_bytes=cell_bytes * cells,
        buffer_bytes=4 * batch * (3 * shape.feed_forward + 4 * shape.width) + 8 * shape.pieces,
        checkpoint_bytes=options.checkpoint_bytes,
        program_bytes=PROGRAM_BYTES + BYTES_A_PIECE * shape.pieces,
    )


def fit_memory(header: GgufHeader, wanted: EngineOptions, free_bytes: int) -> EngineOptions:
    """`wanted`, made smaller until it fits into what is free: first what is only quick, then the
    context. Where nothing fits, the smallest."""
    smaller = wanted
    for smaller in _smaller(wanted):
        if plan_memory(header, smaller).total_bytes <= free_bytes:
            break
    return smaller


def _smaller(wanted: EngineOptions) -> Iterator[EngineOptions]:
    yield wanted
    if wanted.kv_cache_type is not KvCacheType.F16:
        wanted = replace(wanted, kv_cache_type=KvCacheType.F16)
        yield wanted
    if wanted.load_mode is LoadMode.MAP and wanted.repack:
        wanted = replace(wanted, load_mode=LoadMode.READ)
        yield wanted
    wanted = replace(wanted, checkpoint_bytes=0, states_folder="")
    yield wanted
    wanted = replace(wanted, prefill_batch_tokens=min(32, wanted.prefill_batch_tokens))
    yield wanted
    for context in range(
        wanted.context_tokens - _CELLS_STEP, SMALLEST_CONTEXT_TOKENS - 1, -_CELLS_STEP
    ):
        yield replace(wanted, context_tokens=context)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Of the model, as its head tells."""

    layers: int
    global_layers: int
    """Those that look at the whole context."""
    window_tokens: int
    width: int
    feed_forward: int
    cell_values: int
    """Numbers of a key, and of a value, for one token in one layer."""
    pieces: int

    @classmethod
    def of(cls, header: GgufHeader) -> "_Shape":
        kind = header.text("general.architecture")

        def number(name: str) -> int:
            return header.number(f"{kind}.{name}")

        heads = number("attention.head_count") or 1
        key_width = number("attention.key_length") or number("embedding_length") // heads
        layers, window = number("block_count"), number("attention.sliding_window")
        # Other families with a window are counted as if they had none: never too little.
        windowed = kind == "gemma3" and window > 0
        return cls(
            layers=layers,
            global_layers=layers // _GEMMA3_GLOBAL_EVERY if windowed else layers,
            window_tokens=window if windowed else 0,
            width=number("embedding_length"),
            feed_forward=number("feed_forward_length"),
            cell_values=(number("attention.head_count_kv") or heads) * key_width,
            pieces=header.pieces,
        )


def _round_up(tokens: int) -> int:
    return -(-tokens // _CELLS_STEP) * _CELLS_STEP
