"""The forward pass of one Gemma 3 layer in numpy, in steps that end at the input of each weight matrix.

It computes in float32 what transformers' Gemma3DecoderLayer and llama.cpp's gemma3 graph compute, for several
sequences of one length at once. Knows neither where weights come from nor what is done with the activations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.config import Gemma3Config
from convert.weights import Matrix

Activations = NDArray[np.float32]
"""[sequences, tokens, features]"""

Weights = Mapping[str, Matrix]
"""One layer's tensors by their names inside it, such as `mlp.up_proj`; the norms have 1 added."""

_FAINT = np.float32(-60)
"""Scores further below the best one are raised to this, so that their exponentials are no denormals."""


class Layer:
    """The arithmetic of one kind of layer, global or sliding, for sequences of `tokens` tokens."""

    def __init__(self, config: Gemma3Config, *, is_global: bool, tokens: int) -> None:
        self._config = config
        base = config.rope_theta if is_global else config.rope_local_base_freq
        scaling = config.rope_scaling_factor if is_global else 1.0
        powers = np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim
        angles = np.arange(tokens)[:, None] / scaling / base ** powers[None, :]
        self._cosine = np.cos(angles).astype(np.float32)
        self._sine = np.sin(angles).astype(np.float32)
        ahead = np.arange(tokens)[None, :] - np.arange(tokens)[:, None]
        hidden = ahead > 0
        if not is_global:
            hidden |= ahead <= -config.sliding_window
        self._mask = np.where(hidden, np.float32(-np.inf), np.float32(0))

    def norm(self, values: Activations, weight: Matrix) -> Activations:
        return rms_norm(values, weight, self._config.rms_norm_eps)

    def attention_output(self, inputs: Activations, layer: Weights) -> Activations:
        """Compute attention from normed inputs: the input of `self_attn.o_proj`, [sequences, tokens, heads *
        head_dim]."""
        config = self._config
        query = self._heads(inputs, layer["self_attn.q_proj"], config.num_attention_heads)
        key = self._heads(inputs, layer["self_attn.k_proj"], config.num_key_value_heads)
        value = self._heads(inputs, layer["self_attn.v_proj"], config.num_key_value_heads)
        query = self._apply_rope(self.norm(query, layer["self_attn.q_norm"]))
        key = self._apply_rope(self.norm(key, layer["self_attn.k_norm"]))
        query *= np.float32(config.query_pre_attn_scalar**-0.5)
        shared = config.num_attention_heads // config.num_key_value_heads
        result = np.empty(
            (*inputs.shape[:2], config.num_attention_heads, config.head_dim), dtype=np.float32
        )
        for text in range(inputs.shape[0]):
            for head in range(config.num_attention_heads):
                scores = query[text, head] @ key[text, head // shared].T
                scores += self._mask
                scores -= scores.max(axis=1, keepdims=True)
                np.exp(np.maximum(scores, _FAINT, out=scores), out=scores)
                scores /= scores.sum(axis=1, keepdims=True)
                result[text, :, head] = scores @ value[text, head // shared]
        return result.reshape(*inputs.shape[:2], -1)

    def gated_mlp(self, inputs: Activations, layer: Weights) -> Activations:
        """Compute the gated MLP from normed inputs: the input of `mlp.down_proj`, [sequences, tokens,
        intermediate_size]."""
        result = gelu(linear(inputs, layer["mlp.gate_proj"]))
        result *= linear(inputs, layer["mlp.up_proj"])
        return result

    def _heads(self, inputs: Activations, weight: Matrix, heads: int) -> Activations:
        """Project the inputs and split the heads: [sequences, heads, tokens, head_dim], contiguous."""
        apart = linear(inputs, weight).reshape(*inputs.shape[:2], heads, self._config.head_dim)
        return np.ascontiguousarray(apart.transpose(0, 2, 1, 3))

    def _apply_rope(self, vectors: Activations) -> Activations:
        """Apply the rotary embedding, which rotates the halves of each head against each other."""
        first, second = np.split(vectors, 2, axis=-1)
        return np.concatenate(
            (
                first * self._cosine - second * self._sine,
                second * self._cosine + first * self._sine,
            ),
            axis=-1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubLayer:
    """Attention or MLP: projections of the normed input, what lies between, and a projection at the end."""

    layer_math: Layer
    input_projections: tuple[str, ...]
    output_projection: str
    norm_before: str
    norm_after: str
    between: Callable[[Activations, Weights], Activations]

    def normed_input(self, hidden: Activations, layer: Weights) -> Activations:
        return self.layer_math.norm(hidden, layer[self.norm_before])

    def projection_input(self, hidden: Activations, layer: Weights) -> Activations:
        return self.between(self.normed_input(hidden, layer), layer)

    def residual(self, inputs: Activations, layer: Weights) -> Activations:
        """Compute what the sublayer adds to the hidden state from the input of its last projection."""
        return self.layer_math.norm(
            linear(inputs, layer[self.output_projection]), layer[self.norm_after]
        )


def attention_sublayer(layer_math: Layer) -> SubLayer:
    return SubLayer(
        layer_math=layer_math,
        input_projections=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        output_projection="self_attn.o_proj",
        norm_before="input_layernorm",
        norm_after="post_attention_layernorm",
        between=layer_math.attention_output,
    )


def mlp_sublayer(layer_math: Layer) -> SubLayer:
    return SubLayer(
        layer_math=layer_math,
        input_projections=("mlp.gate_proj", "mlp.up_proj"),
        output_projection="mlp.down_proj",
        norm_before="pre_feedforward_layernorm",
        norm_after="post_feedforward_layernorm",
        between=layer_math.gated_mlp,
    )


def linear(inputs: Activations, weight: Matrix) -> Activations:
    """Multiply inputs by W^T, as one matrix product whatever the number of sequences."""
    flat = inputs.reshape(-1, inputs.shape[-1]) @ weight.T
    return flat.reshape(*inputs.shape[:-1], weight.shape[0])


def rms_norm(values: Activations, weight: Matrix, epsilon: float) -> Activations:
    mean = np.square(values).mean(axis=-1, keepdims=True)
    result: Activations = values / np.sqrt(mean + np.float32(epsilon)) * weight.reshape(-1)
    return result


def gelu(values: Activations) -> Activations:
    """Apply the tanh approximation of GELU, which Gemma is trained with."""
    inner = np.square(values)
    inner *= np.float32(0.044715 * 0.7978845608028654)
    inner += np.float32(0.7978845608028654)
    inner *= values
    np.tanh(inner, out=inner)
    inner += 1
    inner *= values
    inner *= np.float32(0.5)
    return inner
