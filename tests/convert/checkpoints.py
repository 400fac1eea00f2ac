"""Writes tiny Gemma 3 checkpoints in Hugging Face's form, in every storage that the converter reads.

    written = write_checkpoint(tmp_path / "model", form="GPTQ")
    written.weights["model.layers.0.mlp.up_proj.weight"]  # what it is worth, in float32

The weights are random, the shapes obey the rules of GGUF blocks: every width is a multiple of 32.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from tests.convert import packers
from tests.convert.gemma_chat import write_chat_files
from tests.convert.packers import Packed
from tests.convert.safetensors_file import split, write_shards
from tests.convert.tiny_tokenizer import END_OF_TURN, tiny_pieces
from tests.convert.tokenizer_file import write_tokenizer

Form = Literal[
    "BF16", "F16", "F32",
    "FP8-tensor", "FP8-row", "FP8-block", "FP8-scale-inv",
    "GPTQ", "GPTQ-v2", "GPTQ-asymmetric", "GPTQ-v2-asymmetric", "GPTQ-act-order",
    "packed", "packed-asymmetric", "packed-channel", "packed-act-order",
]  # fmt: skip
"""How the matrices of the layers are stored; the embedding and the norms of a quantized form are BF16."""
FORMS: tuple[Form, ...] = get_args(Form)
Wrapping = Literal["bare", "multimodal", "new multimodal"]
Stored = dict[str, NDArray[Any]]

PADDING_ROWS = 64
"""More embedding rows than pieces in a multimodal checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCheckpoint:
    folder: Path
    config: Mapping[str, Any]
    """config.json's text part."""
    weights: Mapping[str, NDArray[np.float32]]
    """Every tensor's values as a reader must give them, by canonical name."""
    pieces: int
    """Of the tokenizer."""


def write_checkpoint(
    folder: Path,
    *,
    form: Form = "BF16",
    seed: int = 0,
    layers: int = 6,
    shards: int = 2,
    wrapping: Wrapping = "bare",
    group: int = 32,
    sizes: Mapping[str, int] | None = None,
    config_changes: Mapping[str, Any] | None = None,
    change: Callable[[Stored], None] | None = None,
) -> WrittenCheckpoint:
    """`sizes` (hidden_size, vocab_size…) shape the model; `config_changes` go into the text part of
    config.json alone; `change` edits the tensors as they will be stored, by their stored names."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = tiny_pieces()
    rows = len(pieces) + (0 if wrapping == "bare" else PADDING_ROWS)
    shaped = {**text_config(rows, layers), **(sizes or {})}
    config = {**shaped, **(config_changes or {})}
    random = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float32]] = {}
    stored: Stored = {}
    for name, shape in tensor_shapes(shaped).items():
        packed = _tensor(random, name, shape, form, group)
        weights[name] = packed.values
        for part, values in packed.stored.items():
            stored[stored_name(name.removesuffix("weight") + part, wrapping)] = values
    if wrapping != "bare":
        stored.update(_vision(wrapping))
    if change is not None:
        change(stored)
    write_shards(folder, list(split(stored, shards)))
    _write_json(folder / "config.json", _whole_config(config, wrapping, form, group))
    write_tokenizer(folder / "tokenizer.model", pieces)
    write_chat_files(folder, END_OF_TURN)
    return WrittenCheckpoint(folder=folder, config=config, weights=weights, pieces=len(pieces))


def text_config(rows: int, layers: int) -> dict[str, Any]:
    return {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "query_pre_attn_scalar": 32,
        "hidden_activation": "gelu_pytorch_tanh",
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "rope_local_base_freq": 1e4,
        "rope_scaling": None,
        "sliding_window": 64,
        "sliding_window_pattern": 6,
        "vocab_size": rows,
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "torch_dtype": "bfloat16",
    }


def tensor_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    width, feed_forward, head = (
        config["hidden_size"],
        config["intermediate_size"],
        config["head_dim"],
    )
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], width)
    }
    for layer in range(config["num_hidden_layers"]):
        of_layer = {
            "input_layernorm": (width,),
            "mlp.down_proj": (width, feed_forward),
            "mlp.gate_proj": (feed_forward, width),
            "mlp.up_proj": (feed_forward, width),
            "post_attention_layernorm": (width,),
            "post_feedforward_layernorm": (width,),
            "pre_feedforward_layernorm": (width,),
            "self_attn.k_norm": (head,),
            "self_attn.k_proj": (keys, width),
            "self_attn.o_proj": (width, queries),
            "self_attn.q_norm": (head,),
            "self_attn.q_proj": (queries, width),
            "self_attn.v_proj": (keys, width),
        }
        shapes |= {f"model.layers.{layer}.{part}.weight": shape for part, shape in of_layer.items()}
    return {**shapes, "model.norm.weight": (width,)}


def stored_name(name: str, wrapping: Wrapping) -> str:
    if wrapping == "new multimodal":
        return name.replace("model.", "model.language_model.", 1)
    return ("language_model." if wrapping == "multimodal" else "") + name


def _tensor(
    random: np.random.Generator, name: str, shape: tuple[int, ...], form: Form, group: int
) -> Packed:
    if name.endswith("_proj.weight") and form not in ("BF16", "F16", "F32"):
        return _quantized(random, (shape[0], shape[1]), form, group)
    plain: dict[str, Any] = {"F16": np.float16, "F32": np.float32}
    dtype = plain.get(form, ml_dtypes.bfloat16)
    scale = 0.1 if len(shape) == 1 else 0.05
    values = (random.normal(size=shape) * scale).astype(dtype)
    return Packed(values=np.atleast_2d(values).astype(np.float32), stored={"weight": values})


def _quantized(
    random: np.random.Generator, shape: tuple[int, int], form: Form, group: int
) -> Packed:
    symmetric, order = "asymmetric" not in form, "act-order" in form
    if form.startswith("FP8"):
        return packers.float8(random, shape, form.removeprefix("FP8-").replace("-", "_"))
    if form.startswith("GPTQ"):
        version = 2 if "v2" in form else 1
        return packers.gptq(random, shape, group, symmetric=symmetric, order=order, version=version)
    if form == "packed-channel":
        group = shape[1]
    return packers.pack_quantized(random, shape, group, symmetric=symmetric, order=order)


def _whole_config(
    text: dict[str, Any], wrapping: Wrapping, form: Form, group: int
) -> dict[str, Any]:
    whole = text
    if wrapping != "bare":
        whole = {
            "architectures": ["Gemma3ForConditionalGeneration"],
            "model_type": "gemma3",
            "text_config": {key: value for key, value in text.items() if key != "architectures"},
            "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 32},
            "eos_token_id": [1, END_OF_TURN],
        }
    quantization = quantization_config(form, group)
    return {**whole, **({"quantization_config": quantization} if quantization else {})}


def quantization_config(form: Form, group: int) -> dict[str, Any]:
    if form == "FP8-scale-inv":
        return {
            "quant_method": "fp8",
            "weight_block_size": [16, 32],
            "activation_scheme": "dynamic",
        }
    if form.startswith("GPTQ"):
        return {
            "quant_method": "gptq",
            "checkpoint_format": "gptq_v2" if "v2" in form else "gptq",
            "bits": 4,
            "group_size": group,
            "sym": "asymmetric" not in form,
            "desc_act": "act-order" in form,
        }
    if form.startswith("packed"):
        weights: dict[str, Any] = {
            "num_bits": 4,
            "type": "int",
            "symmetric": "asymmetric" not in form,
            "strategy": "channel" if form == "packed-channel" else "group",
            "group_size": None if form == "packed-channel" else group,
            "actorder": "group" if "act-order" in form else None,
        }
        return _compressed_tensors("pack-quantized", weights)
    if form.startswith("FP8"):
        strategy = {"FP8-tensor": "tensor", "FP8-row": "channel"}.get(form, "block")
        weights = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy}
        if strategy == "block":
            weights["block_structure"] = [16, 32]
        return _compressed_tensors("float-quantized", weights)
    return {}


def _compressed_tensors(name: str, weights: dict[str, Any]) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "format": name,
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": ["lm_head"],
        "quantization_status": "compressed",
    }


def _vision(wrapping: Wrapping) -> Stored:
    prefix = "model." if wrapping == "new multimodal" else ""
    names = (
        "vision_tower.vision_model.post_layernorm.weight",
        "multi_modal_projector.mm_soft_emb_norm.weight",
    )
    return {prefix + name: np.ones(32, np.float32) for name in names}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
