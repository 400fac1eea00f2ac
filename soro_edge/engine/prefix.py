"""Which part of the KV cache can be kept for a new prompt. Knows numbers only, no llama.cpp."""

from collections.abc import Sequence


def reusable_tokens(
    cached: Sequence[int],
    prompt: Sequence[int],
    *,
    oldest_position: int,
    window_tokens: int,
) -> int:
    """How many leading tokens of `prompt` need no prefill.

    `cached` are the tokens in the cache, `oldest_position` the smallest position that every layer
    still holds, `window_tokens` the sliding window (0: none). At least one token is always left to
    prefill, for its logits. Going back behind what the sliding window still holds gives 0: llama.cpp
    does not say that the window's data is gone, it answers from a wrong state.
    """
    shared = 0
    for ours, theirs in zip(cached, prompt[:-1], strict=False):
        if ours != theirs:
            break
        shared += 1
    if window_tokens and shared and oldest_position > max(0, shared - window_tokens):
        return 0
    return shared
