"""The sampler's laws, on llama.cpp's own samplers and logits of no model."""

import ctypes
import random
from collections.abc import Sequence

import pytest

from soro_edge.engine.api import Sampling
from soro_edge.engine.native import lib
from soro_edge.engine.sampler import sampler_chain

pytestmark = pytest.mark.native

VOCABULARY = 400


def choose(chain: int, logits: Sequence[float]) -> int:
    """What the chain takes; it then knows that this was said."""
    data = (lib.llama_token_data * len(logits))(
        *(lib.llama_token_data(token, logit, 0.0) for token, logit in enumerate(logits))
    )
    candidates = lib.llama_token_data_array(data, len(logits), -1, False)
    lib.llama_sampler_apply(chain, ctypes.byref(candidates))
    token: int = candidates.data[candidates.selected].id
    lib.llama_sampler_accept(chain, token)
    return token


def penalties_over_everything(sampling: Sampling) -> int:
    """llama.cpp's usual chain, whose penalties look at each piece of the vocabulary."""
    chain: int = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    parts = [
        lib.llama_sampler_init_penalties(
            VOCABULARY, sampling.repeat_last_tokens, sampling.repeat_penalty, 0.0, 0.0
        )
    ]
    if sampling.temperature <= 0:
        parts += [lib.llama_sampler_init_greedy()]
    else:
        parts += [
            lib.llama_sampler_init_top_k(sampling.top_k),
            lib.llama_sampler_init_top_p(sampling.top_p, 1),
            lib.llama_sampler_init_min_p(sampling.min_p, 1),
            lib.llama_sampler_init_temp(sampling.temperature),
            lib.llama_sampler_init_dist(sampling.seed),
        ]
    for part in parts:
        lib.llama_sampler_chain_add(chain, part)
    return chain


@pytest.mark.parametrize("last", [-70, -1, 0, 1, VOCABULARY - 5, VOCABULARY, 1000])
@pytest.mark.parametrize("top_k", [1, 5, 64, 2**31 - 1, 2**32])
@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_no_number_makes_it_choose_otherwise(last: int, top_k: int, temperature: float) -> None:
    compare(
        Sampling(
            temperature=temperature,
            repeat_penalty=1.3,
            repeat_last_tokens=last,
            top_k=top_k,
            top_p=1,
            min_p=0,
            seed=7,
        )
    )


@pytest.mark.parametrize("temperature", [0.0, 0.8, 3.0])
@pytest.mark.parametrize("penalty", [0.5, 1.1, 8.0])
@pytest.mark.parametrize("top_k", [0, 1, 5, 64])
def test_the_quick_chain_chooses_as_llama_cpps_own(
    temperature: float, penalty: float, top_k: int
) -> None:
    sampling = Sampling(
        temperature=temperature,
        repeat_penalty=penalty,
        repeat_last_tokens=20,
        top_k=top_k,
        top_p=1,
        min_p=0,
        seed=7,
    )
    compare(sampling)


def compare(sampling: Sampling) -> None:
    dice = random.Random(repr(sampling))
    # The same few are likely at each step, so that the penalties matter; some logits are negative.
    likely = [dice.uniform(-2, 6) for _ in range(VOCABULARY)]
    usual = penalties_over_everything(sampling)
    with sampler_chain(sampling, VOCABULARY) as quick:
        for _ in range(40):
            logits = [logit + dice.gauss(0, 0.05) for logit in likely]
            assert choose(quick, logits) == choose(usual, logits)
    lib.llama_sampler_free(usual)
