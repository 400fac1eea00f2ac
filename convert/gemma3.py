"""Gemma 3 in GGUF: which metadata, which tensor names, which values change on the way.

Knows both naming schemes and nothing of how weights are read, rounded or written.
"""

import gguf

from convert.checkpoint.config import Gemma3Config
from convert.weights import Matrix

ARCHITECTURE = "gemma3"
EMBEDDING = "model.embed_tokens.weight"
OUTPUT = "lm_head.weight"
FINAL_NORM = "model.norm.weight"

_WHOLE = {EMBEDDING: "token_embd", OUTPUT: "output", FINAL_NORM: "output_norm"}
_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_feedforward_layernorm": "post_ffw_norm",
}

LAYER_TENSORS = tuple(_IN_LAYER)
"""Names of a layer's tensors inside the layer."""

STAGES: tuple[tuple[str, ...], ...] = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)
"""A layer's matrices by the inputs that they share, in the order of the computation."""


def layer_tensor(layer: int, name: str) -> str:
    """The canonical Hugging Face name of a layer's tensor."""
    return f"model.layers.{layer}.{name}.weight"


def gguf_name(name: str) -> str:
    """llama.cpp's name of a tensor with this canonical name."""
    if name in _WHOLE:
        return f"{_WHOLE[name]}.weight"
    layer, _, inside = name.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{_IN_LAYER[inside.removesuffix('.weight')]}.weight"


def is_norm(name: str) -> bool:
    return name.endswith("norm.weight")


def transformed(name: str, rows: Matrix) -> Matrix:
    """The values as llama.cpp uses them: Gemma stores its norms' weights minus 1."""
    return rows + 1 if is_norm(name) else rows


def layer_of(name: str) -> int | None:
    """The layer that a canonical name belongs to; None for the embedding and the last norm."""
    if not name.startswith("model.layers."):
        return None
    return int(name.split(".")[2])


def write_metadata(config: Gemma3Config, writer: gguf.GGUFWriter) -> None:
    """Everything that llama.cpp reads of the architecture."""
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_width)
    writer.add_value_length(config.head_width)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_rope_freq_base(config.rope_base_global)
    writer.add_rope_freq_base_swa(config.rope_base_local)
    writer.add_sliding_window(config.sliding_window)
    if config.sliding_pattern != 6:
        writer.add_sliding_window_pattern(config.sliding_pattern)
    if config.rope_scaling != 1:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_scaling)
    if config.final_logit_softcapping:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def size_label(config: Gemma3Config) -> str:
    """How Google names a model of this depth."""
    known = {18: "270M", 26: "1B", 34: "4B", 48: "12B", 62: "27B"}
    return known.get(config.layers, f"{config.layers} layers")
