"""A Gemma 3 checkpoint with random weights at a real model's shapes, for measurements of speed and memory.

Usage: uv run python tests/benchmarks/random_checkpoint.py 1B FOLDER --tokenizer CHECKPOINT

The tokenizer's files are copied from CHECKPOINT (see tests/real_weights.py). Weights are drawn row by row
and written as they come, so that 12B needs no more memory than 1B.
"""

import argparse
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

from convert.checkpoint.config import read_config

SHAPES = {
    "270M": (640, 18, 2048, 4, 1, 512, 1.0),
    "1B": (1152, 26, 6912, 4, 1, 512, 1.0),
    "4B": (2560, 34, 10240, 8, 4, 1024, 8.0),
    "12B": (3840, 48, 15360, 16, 8, 1024, 8.0),
}
_CHUNK_WEIGHTS = 8_000_000
_SHARD_WEIGHTS = 2_500_000_000


def write_random_checkpoint(
    folder: Path, size: str, tokenizer: Path, *, layers: int | None = None, seed: int = 1
) -> None:
    """BF16 shards with their index, config.json, and the tokenizer's files; with all of its layers or with
    some."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.model", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(tokenizer / name, folder / name)
    width, all_layers, feed_forward, heads, kv_heads, window, scaling = SHAPES[size]
    config = {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "hidden_size": width,
        "num_hidden_layers": layers or all_layers,
        "intermediate_size": feed_forward,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": 256,
        "sliding_window": window,
        "query_pre_attn_scalar": 256,
        "max_position_embeddings": 32768,
        "vocab_size": 262144,
        "torch_dtype": "bfloat16",
        "eos_token_id": [1, 106],
    }
    if scaling != 1:
        config["rope_scaling"] = {"rope_type": "linear", "factor": scaling}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    random = np.random.default_rng(seed)
    shards = _shards(read_config(folder).tensor_shapes())
    names = {
        name: f"model-{number:05}-of-{len(shards):05}.safetensors"
        for number, shard in enumerate(shards, 1)
        for name in shard
    }
    for shard in shards:
        _write_shard(folder / names[next(iter(shard))], shard, random)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def _shards(shapes: Mapping[str, tuple[int, ...]]) -> list[dict[str, tuple[int, ...]]]:
    """In order, none larger than it must be."""
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    weights = 0
    for name, shape in shapes.items():
        weights += math.prod(shape)
        if shards[-1] and weights > _SHARD_WEIGHTS:
            shards.append({})
            weights = math.prod(shape)
        shards[-1][name] = shape
    return shards


def _write_shard(
    path: Path, shapes: Mapping[str, tuple[int, ...]], random: np.random.Generator
) -> None:
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for name, shape in shapes.items():
            count = math.prod(shape)
            spread = np.float32(0.05 if name.endswith("norm.weight") else shape[-1] ** -0.5)
            for begin in range(0, count, _CHUNK_WEIGHTS):
                here = min(_CHUNK_WEIGHTS, count - begin)
                values = random.standard_normal(here, dtype=np.float32) * spread
                file.write(values.astype(ml_dtypes.bfloat16).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--layers", type=int, help="fewer than the real model has")
    given = parser.parse_args()
    write_random_checkpoint(given.folder, given.size, given.tokenizer, layers=given.layers)


if __name__ == "__main__":
    main()
