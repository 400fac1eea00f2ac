"""The one sequence in a context's KV cache: which tokens it holds, and the ways back to earlier ones.

Knows token ids and llama.cpp's memory, no text, no conversation and no disk.
"""

import ctypes
from collections.abc import Sequence

from soro_edge.engine.native import lib
from soro_edge.engine.prefix import Checkpoint, Checkpoints, can_go_on, shared_tokens
from soro_edge.errors import DecodeFailed

_ABORTED = 2
_WHOLE = lib.LLAMA_STATE_SEQ_FLAGS_NONE
_WINDOW_LAYERS = lib.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY


class KvCache:
    """Of one context. Its tokens are those that the model has read, without exception."""

    def __init__(self, context: int, *, window_tokens: int, checkpoint_bytes: int) -> None:
        self._context = context
        self._memory = lib.llama_get_memory(context)
        self._window_tokens = window_tokens
        self._checkpoints = Checkpoints(limit_bytes=checkpoint_bytes, window_tokens=window_tokens)
        self._room_bytes = checkpoint_bytes
        self.tokens: list[int] = []

    @property
    def oldest_position(self) -> int:
        """The smallest position that every layer still holds; -1 where there is none."""
        return int(lib.llama_memory_seq_pos_min(self._memory, 0))

    @property
    def checkpoints(self) -> Checkpoints:
        return self._checkpoints

    def reusable(self, prompt: Sequence[int]) -> int:
        """How many leading tokens of `prompt` would need no prefill after `keep`.

        At least one is always left to prefill, for its logits.
        """
        shared = shared_tokens(self.tokens, prompt)
        wanted = min(shared, len(prompt) - 1)
        if wanted <= 0 or self._holds(wanted):
            return max(0, wanted)
        checkpoint = self._checkpoints.nearest(shared, at_most=len(prompt) - 1)
        return min(checkpoint.tokens, len(prompt) - 1) if checkpoint else 0

    def leave(self, prompt: Sequence[int]) -> None:
        """Let go the checkpoints that `keep` will not need: their memory is wanted for other things."""
        self._checkpoints.forget_after(shared_tokens(self.tokens, prompt))

    def keep(self, prompt: Sequence[int]) -> int:
        """Go back to the longest start of `prompt` that is really there; its length."""
        shared = shared_tokens(self.tokens, prompt)
        at_most = len(prompt) - 1
        wanted = min(shared, at_most)
        self.leave(prompt)
        if wanted <= 0:
            return self.clear()
        if self._holds(wanted):
            return self._cut(wanted)
        checkpoint = self._checkpoints.nearest(shared, at_most=at_most)
        if checkpoint is None or not self._set(checkpoint.data, _WINDOW_LAYERS):
            return self.clear()
        return self._cut(min(checkpoint.tokens, at_most))

    def run(self, tokens: Sequence[int]) -> bool:
        """Let the model read one batch; False where it was aborted and nothing was read."""
        batch = (lib.llama_token * len(tokens))(*tokens)
        status = lib.llama_decode(self._context, lib.llama_batch_get_one(batch, len(tokens)))
        if status == _ABORTED:
            return False
        if status != 0:
            # The cache's content is unknown now; the next prompt begins from nothing.
            self.clear()
            raise DecodeFailed(status=status)
        self.tokens += tokens
        return True

    def mark(self) -> None:
        """Make a checkpoint of the present state, where going back to it could need one."""
        if not self._window_tokens or len(self.tokens) in self._checkpoints.positions():
            return
        size = lib.llama_state_seq_get_size_ext(self._context, 0, _WINDOW_LAYERS)
        if size > self._room_bytes:
            return
        data = self._get(_WINDOW_LAYERS)
        if data:
            # What the checkpoint holds: the window, not what lies before it in the cache.
            oldest = max(0, self.oldest_position, len(self.tokens) - self._window_tokens)
            self._checkpoints.add(
                Checkpoint(tokens=len(self.tokens), oldest_position=oldest, data=data)
            )

    def state(self) -> bytearray:
        """Everything of the sequence, for `restore`; empty where that failed."""
        self._checkpoints.leave_room(lib.llama_state_seq_get_size_ext(self._context, 0, _WHOLE))
        return self._get(_WHOLE)

    def restore(self, tokens: Sequence[int], data: bytearray | memoryview) -> bool:
        """Take over a state that `state` gave after `tokens`; False where it does not fit."""
        self._checkpoints.forget_after(shared_tokens(self.tokens, tokens))
        newest = len(tokens) - 1
        fits = (
            self._set(data, _WHOLE)
            and lib.llama_memory_seq_pos_max(self._memory, 0) == newest
            and self._holds(newest)
        )
        if not fits:
            self.clear()
            return False
        self.tokens = list(tokens)
        return True

    def clear(self) -> int:
        """Forget everything; 0, the tokens kept."""
        lib.llama_memory_clear(self._memory, True)
        self._checkpoints.forget_after(0)
        self.tokens = []
        return 0

    def _holds(self, tokens: int) -> bool:
        return can_go_on(
            tokens, oldest_position=self.oldest_position, window_tokens=self._window_tokens
        )

    def _cut(self, tokens: int) -> int:
        removed = lib.llama_memory_seq_rm(self._memory, 0, tokens, -1)
        # Asked again after the fact: the positions are the only witness there is.
        newest = lib.llama_memory_seq_pos_max(self._memory, 0)
        if not removed or newest != tokens - 1 or not self._holds(tokens):
            return self.clear()
        self.tokens = self.tokens[:tokens]
        return tokens

    def _get(self, flags: int) -> bytearray:
        size = lib.llama_state_seq_get_size_ext(self._context, 0, flags)
        data = bytearray(size)
        view = (ctypes.c_uint8 * size).from_buffer(data) if size else (ctypes.c_uint8 * 0)()
        written = lib.llama_state_seq_get_data_ext(self._context, view, size, 0, flags)
        return data if written == size else bytearray()

    def _set(self, data: bytearray | memoryview, flags: int) -> bool:
        if not data:
            return False
        view = (ctypes.c_uint8 * len(data)).from_buffer(data)
        read = lib.llama_state_seq_set_data_ext(self._context, view, len(data), 0, flags)
        return bool(read == len(data))
