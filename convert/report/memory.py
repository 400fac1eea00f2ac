"""What the engine's process will need at the least for a converted file, for its manifest.

The same sum as the runtime's own (soro_edge/memory.py), which convert/ does not know: a test of both holds
them together. Ways back to earlier turns are not in it: the engine does without where memory is short.
"""

from convert.checkpoint.config import Gemma3Config

_PROGRAM_BYTES = 40_000_000
_BYTES_A_PIECE = 250
_CELLS_STEP = 256
_BATCH_TOKENS = 64


def memory_bytes(config: Gemma3Config, *, pieces: int, file_bytes: int, context_tokens: int) -> int:
    """Weights, KV cache in F16 for `context_tokens`, buffers, vocabulary, program."""
    context = _round_up(context_tokens)
    window = min(context, _round_up(config.sliding_window + _BATCH_TOKENS))
    of_whole = config.layers // config.sliding_pattern
    cells = of_whole * context + (config.layers - of_whole) * window
    cache = cells * config.kv_heads * config.head_width * 2 * 2
    buffer = 4 * _BATCH_TOKENS * (3 * config.feed_forward + 4 * config.width) + 8 * pieces
    return file_bytes + cache + buffer + _PROGRAM_BYTES + _BYTES_A_PIECE * pieces


def _round_up(tokens: int) -> int:
    return -(-tokens // _CELLS_STEP) * _CELLS_STEP
