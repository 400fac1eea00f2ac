"""One Gemma 3 layer in numpy, cut where a weight matrix begins: what each matrix sees, for calibration.

Computes in float32 what transformers' Gemma3DecoderLayer and llama.cpp's gemma3 graph compute, for several
texts of one length at once. Knows neither where weights come from nor what becomes of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.config import Gemma3Config
from convert.weights import Matrix

Activations = NDArray[np.float32]
"""[texts, tokens, width of whatever it is]"""

Weights = Mapping[str, Matrix]
"""One layer's tensors by their name inside it, `mlp.up_proj`, `input_layernorm`; norms with 1 added."""

_FAINT = np.float32(-60)
"""Scores below the best one by more than this count as this: their weight is nothing, and no denormal."""


class LayerMath:
    """The arithmetic of one kind of layer, global or sliding, for texts of `tokens` tokens."""

    def __init__(self, config: Gemma3Config, *, is_global: bool, tokens: int) -> None:
        self._config = config
        base = config.rope_base_global if is_global else config.rope_base_local
        scaling = config.rope_scaling if is_global else 1.0
        powers = np.arange(0, config.head_width, 2, dtype=np.float64) / config.head_width
        angles = np.arange(tokens)[:, None] / scaling / base ** powers[None, :]
        self._cosine = np.cos(angles).astype(np.float32)
        self._sine = np.sin(angles).astype(np.float32)
        ahead = np.arange(tokens)[None, :] - np.arange(tokens)[:, None]
        hidden = ahead > 0
        if not is_global:
            hidden |= ahead <= -config.sliding_window
        self._mask = np.where(hidden, np.float32(-np.inf), np.float32(0))

    def norm(self, values: Activations, weight: Matrix) -> Activations:
        return rms_norm(values, weight, self._config.norm_epsilon)

    def attended(self, inputs: Activations, layer: Weights) -> Activations:
        """Normed inputs to what `self_attn.o_proj` sees. [texts, tokens, heads * head_width]"""
        config = self._config
        query = self._heads(inputs, layer["self_attn.q_proj"], config.heads)
        key = self._heads(inputs, layer["self_attn.k_proj"], config.kv_heads)
        value = self._heads(inputs, layer["self_attn.v_proj"], config.kv_heads)
        query = self._turned(self.norm(query, layer["self_attn.q_norm"]))
        key = self._turned(self.norm(key, layer["self_attn.k_norm"]))
        query *= np.float32(config.query_pre_attn_scalar**-0.5)
        shared = config.heads // config.kv_heads
        result = np.empty((*inputs.shape[:2], config.heads, config.head_width), dtype=np.float32)
        for text in range(inputs.shape[0]):
            for head in range(config.heads):
                scores = query[text, head] @ key[text, head // shared].T
                scores += self._mask
                scores -= scores.max(axis=1, keepdims=True)
                np.exp(np.maximum(scores, _FAINT, out=scores), out=scores)
                scores /= scores.sum(axis=1, keepdims=True)
                result[text, :, head] = scores @ value[text, head // shared]
        return result.reshape(*inputs.shape[:2], -1)

    def gated(self, inputs: Activations, layer: Weights) -> Activations:
        """Normed inputs to what `mlp.down_proj` sees. [texts, tokens, feed_forward]"""
        result = gelu(times(inputs, layer["mlp.gate_proj"]))
        result *= times(inputs, layer["mlp.up_proj"])
        return result

    def _heads(self, inputs: Activations, weight: Matrix, heads: int) -> Activations:
        """[texts, heads, tokens, head_width], contiguous."""
        apart = times(inputs, weight).reshape(*inputs.shape[:2], heads, self._config.head_width)
        return np.ascontiguousarray(apart.transpose(0, 2, 1, 3))

    def _turned(self, vectors: Activations) -> Activations:
        """The rotary embedding: halves of each head rotated against each other."""
        first, second = np.split(vectors, 2, axis=-1)
        return np.concatenate(
            (
                first * self._cosine - second * self._sine,
                second * self._cosine + first * self._sine,
            ),
            axis=-1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """Attention or feed-forward: matrices that its normed input enters, one that its result leaves by."""

    math: LayerMath
    entering: tuple[str, ...]
    leaving: str
    norm_before: str
    norm_after: str
    between: Callable[[Activations, Weights], Activations]

    def seen_entering(self, hidden: Activations, layer: Weights) -> Activations:
        return self.math.norm(hidden, layer[self.norm_before])

    def seen_leaving(self, hidden: Activations, layer: Weights) -> Activations:
        return self.between(self.seen_entering(hidden, layer), layer)

    def added(self, leaving: Activations, layer: Weights) -> Activations:
        """What this half adds to the hidden state, from what its last matrix sees."""
        return self.math.norm(times(leaving, layer[self.leaving]), layer[self.norm_after])


def attention(math: LayerMath) -> Half:
    return Half(
        math=math,
        entering=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        leaving="self_attn.o_proj",
        norm_before="input_layernorm",
        norm_after="post_attention_layernorm",
        between=math.attended,
    )


def feed_forward(math: LayerMath) -> Half:
    return Half(
        math=math,
        entering=("mlp.gate_proj", "mlp.up_proj"),
        leaving="mlp.down_proj",
        norm_before="pre_feedforward_layernorm",
        norm_after="post_feedforward_layernorm",
        between=math.gated,
    )


def times(inputs: Activations, weight: Matrix) -> Activations:
    """inputs W^T as one matrix product, whatever the number of texts."""
    flat = inputs.reshape(-1, inputs.shape[-1]) @ weight.T
    return flat.reshape(*inputs.shape[:-1], weight.shape[0])


def rms_norm(values: Activations, weight: Matrix, epsilon: float) -> Activations:
    mean = np.square(values).mean(axis=-1, keepdims=True)
    result: Activations = values / np.sqrt(mean + np.float32(epsilon)) * weight.reshape(-1)
    return result


def gelu(values: Activations) -> Activations:
    """The tanh approximation, as Gemma is trained with."""
    inner = np.square(values)
    inner *= np.float32(0.044715 * 0.7978845608028654)
    inner += np.float32(0.7978845608028654)
    inner *= values
    np.tanh(inner, out=inner)
    inner += 1
    inner *= values
    inner *= np.float32(0.5)
    return inner
