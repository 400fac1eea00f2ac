"""How the next token is chosen: llama.cpp's sampler chain in its usual order. Knows no model."""

import contextlib
import secrets
from collections.abc import Iterator

from soro_edge.engine.api import Sampling
from soro_edge.engine.native import lib


@contextlib.contextmanager
def sampler_chain(sampling: Sampling, vocabulary_size: int) -> Iterator[int]:
    """The chain's pointer; freed at the end."""
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())

    def add(sampler: int) -> None:
        lib.llama_sampler_chain_add(chain, sampler)

    greedy = sampling.temperature <= 0
    if sampling.repeat_penalty != 1.0:
        last, penalty = sampling.repeat_last_tokens, sampling.repeat_penalty
        wanted = 1 if greedy else sampling.top_k
        if penalty > 1 and wanted > 0 <= last < vocabulary_size - wanted:
            # At most `last` tokens become less likely, so these hold all that can be wanted: the same
            # choice, in a third of the time that looking each piece up takes. Only which of two that are
            # exactly as likely comes first may differ.
            add(lib.llama_sampler_init_top_k(wanted + last))
        add(lib.llama_sampler_init_penalties(vocabulary_size, last, penalty, 0.0, 0.0))
    if greedy:
        add(lib.llama_sampler_init_greedy())
    else:
        seed = secrets.randbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
        add(lib.llama_sampler_init_top_k(sampling.top_k))
        add(lib.llama_sampler_init_top_p(sampling.top_p, 1))
        add(lib.llama_sampler_init_min_p(sampling.min_p, 1))
        add(lib.llama_sampler_init_temp(sampling.temperature))
        add(lib.llama_sampler_init_dist(seed))
    try:
        yield chain
    finally:
        lib.llama_sampler_free(chain)
