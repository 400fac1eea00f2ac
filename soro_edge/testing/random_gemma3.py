"""Gemma 3 with random weights at real shapes and block types: for speed and memory, not for sense.

Usage: python -m soro_edge.testing.random_gemma3 1b FILE. Needs gguf and numpy, as the tiny one does.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from soro_edge.testing.tiny_gemma3 import vocabulary, write_metadata

_FLOATS = (
    gguf.GGMLQuantizationType.F32,
    gguf.GGMLQuantizationType.F16,
    gguf.GGMLQuantizationType.BF16,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of one member of the family."""

    layers: int
    width: int
    feed_forward: int
    heads: int = 4
    key_width: int = 256
    window_tokens: int = 512
    pieces: int = 32_768
    context_tokens: int = 32_768
    block_type: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.Q4_0
    """Of the layers; the embedding is Q8_0."""


SHAPES = {
    "270m": Shape(
        layers=18,
        width=640,
        feed_forward=2048,
        block_type=gguf.GGMLQuantizationType.Q5_0,
    ),
    "1b": Shape(layers=26, width=1152, feed_forward=6912),
}
"""The blocks of 270M are what llama.cpp makes of Q4_K_M at its width: 91 MB; 1B has 434 MB."""


def write_random_gemma3(path: Path, shape: Shape, *, seed: int = 7) -> Path:
    """Write the model to `path`; returns `path`."""
    writer = gguf.GGUFWriter(path, "gemma3")
    pieces, kinds = vocabulary(shape.pieces)
    write_metadata(
        writer,
        name="Random Gemma 3",
        pieces=pieces,
        kinds=kinds,
        context_tokens=shape.context_tokens,
        width=shape.width,
        layers=shape.layers,
        feed_forward=shape.feed_forward,
        heads=shape.heads,
        key_width=shape.key_width,
        window_tokens=shape.window_tokens,
    )
    random = np.random.default_rng(seed)
    for name, rows, columns in matrices(shape):
        embedding = name == "token_embd.weight"
        kind = gguf.GGMLQuantizationType.Q8_0 if embedding else shape.block_type
        writer.add_tensor(name, _blocks(rows, columns, kind, random), raw_dtype=kind)
    for name, width in _norms(shape):
        writer.add_tensor(name, np.ones(width, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _blocks(
    rows: int, columns: int, kind: gguf.GGMLQuantizationType, random: np.random.Generator
) -> np.ndarray:
    """Random bytes as blocks, each with the same small scale in its first two bytes; or random floats."""
    if kind in _FLOATS:
        floats = random.normal(0, 1 / np.sqrt(columns), (rows, columns)).astype(np.float32)
        return gguf.quants.quantize(floats, kind).view(np.uint8).reshape(rows, -1)
    values, size = gguf.GGML_QUANT_SIZES[kind]
    largest = {18: 8, 20: 16, 22: 16, 24: 32, 34: 128}[size]
    data = random.integers(0, 256, (rows, columns // values, size), dtype=np.uint8)
    scale = np.float16(1.7 / largest / np.sqrt(columns))
    data[:, :, :2] = np.frombuffer(scale.tobytes(), dtype=np.uint8)
    if kind in (gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType.Q5_1):
        data[:, :, 2:4] = 0  # the offset
    return data.reshape(rows, -1)


def matrices(shape: Shape) -> list[tuple[str, int, int]]:
    inner = shape.heads * shape.key_width
    found = [("token_embd.weight", shape.pieces, shape.width)]
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        found += [
            (f"{block}attn_q.weight", inner, shape.width),
            (f"{block}attn_k.weight", shape.key_width, shape.width),
            (f"{block}attn_v.weight", shape.key_width, shape.width),
            (f"{block}attn_output.weight", shape.width, inner),
            (f"{block}ffn_gate.weight", shape.feed_forward, shape.width),
            (f"{block}ffn_up.weight", shape.feed_forward, shape.width),
            (f"{block}ffn_down.weight", shape.width, shape.feed_forward),
        ]
    return found


def _norms(shape: Shape) -> list[tuple[str, int]]:
    found = [("output_norm.weight", shape.width)]
    for layer in range(shape.layers):
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            found.append((f"blk.{layer}.{name}.weight", shape.width))
        for name in ("attn_q_norm", "attn_k_norm"):
            found.append((f"blk.{layer}.{name}.weight", shape.key_width))
    return found


if __name__ == "__main__":
    write_random_gemma3(Path(sys.argv[2]), SHAPES[sys.argv[1]])
