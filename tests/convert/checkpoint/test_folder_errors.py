"""Bad input: one sentence that names what is wrong, and a hint."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.checkpoint.checkpoint import open_checkpoint
from convert.errors import BadCheckpoint, BadTensor, UnsupportedCheckpoint
from tests.convert.checkpoints import Stored, write_checkpoint
from tests.convert.refusals import FIRST, INDEX, edit_json, refused

# The folder


def test_no_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "none", BadCheckpoint) == "There is no folder FOLDER."


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    said = refused(tmp_path / "model.gguf", BadCheckpoint)
    assert said == "FOLDER is a file, not the folder of a checkpoint."


def test_a_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    said = refused(tmp_path, BadCheckpoint)
    assert said == "FOLDER is no checkpoint: it has no config.json."


def test_a_lora_adapter(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "google/gemma-3-1b"}'
    )
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    said = refused(tmp_path, UnsupportedCheckpoint)
    assert said == "FOLDER holds a LoRA adapter for google/gemma-3-1b, not a whole model."


def test_a_merged_model_may_lie_beside_its_adapter(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1, shards=1)
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    assert open_checkpoint(tmp_path).said == ()


def test_tensors_of_a_lora_adapter(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"] = np.ones(
            (4, 64), np.float32
        )

    write_checkpoint(tmp_path, layers=1, change=change)
    said = refused(tmp_path, UnsupportedCheckpoint)
    assert said == (
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight belongs to a LoRA adapter,"
        " not to a whole model."
    )


def test_a_config_without_weights(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1, shards=1)
    (tmp_path / "model.safetensors").unlink()
    said = refused(tmp_path, BadCheckpoint)
    assert said == "FOLDER has no weights: no *.safetensors file."
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    said = refused(tmp_path, UnsupportedCheckpoint)
    assert said == "FOLDER stores its weights as PyTorch pickles, which are not read."


# config.json


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "LlamaForCausalLM"),
        ({"architectures": ["Gemma3nForConditionalGeneration"]}, "Gemma3nForConditionalGeneration"),
        (
            {"architectures": ["Gemma3ForSequenceClassification"], "model_type": "gemma3_text"},
            "Gemma3ForSequenceClassification",
        ),
        ({"model_type": "qwen2"}, "qwen2"),
        ({}, "an unnamed model"),
    ],
)
def test_another_architecture(config: Mapping[str, Any], named: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    said = refused(tmp_path, UnsupportedCheckpoint)
    assert said == f"The checkpoint is {named}, which is not supported."


def test_a_damaged_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["Gemma3For')
    assert refused(tmp_path, BadCheckpoint).startswith("config.json is no JSON: ")
    (tmp_path / "config.json").write_text("[]")
    assert refused(tmp_path, BadCheckpoint) == "config.json holds no JSON object."
    (tmp_path / "config.json").write_bytes(b"\xff\xfe")
    assert refused(tmp_path, BadCheckpoint).startswith("config.json is no JSON: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_size": "64"}, 'config.json says hidden_size = "64", a whole number is needed.'),
        ({"head_dim": 0}, "config.json says head_dim = 0, at least 1 is needed."),
        ({"rope_theta": [1]}, "config.json says rope_theta = [1], a number is needed."),
        (
            {"layer_types": "all"},
            'config.json says layer_types = "all", a list of texts is needed.',
        ),
        ({"rope_scaling": 8}, "config.json says rope_scaling = 8, an object is needed."),
    ],
)
def test_a_member_of_the_wrong_type(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1, config_changes=changes)
    assert refused(tmp_path, BadCheckpoint) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_activation": "silu"}, "hidden_activation = silu"),
        ({"attention_bias": True}, "attention_bias = true"),
        ({"attn_logit_softcapping": 50.0}, "attn_logit_softcapping = 50"),
        ({"use_bidirectional_attention": True}, "use_bidirectional_attention = true"),
        ({"query_pre_attn_scalar": 48}, "query_pre_attn_scalar = 48 where Gemma 3 has 32"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path, layers=1, config_changes=changes)
    assert refused(tmp_path, UnsupportedCheckpoint) == (
        f"config.json says {said}: llama.cpp does not compute a Gemma 3 like this."
    )


# The files of the weights


@pytest.mark.parametrize("kept", [0, 4, 100, 10_000, -1])
def test_a_cut_off_shard(kept: int, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    shard = tmp_path / FIRST
    data = shard.read_bytes()
    shard.write_bytes(data[:kept])
    said = refused(tmp_path, BadCheckpoint)
    assert said.startswith(f"{FIRST} is cut off: ")
    if kept == -1:
        assert said.endswith(f": {len(data) - 1:,} of {len(data):,} bytes are here.")


def test_a_file_that_is_no_safetensors(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    (tmp_path / FIRST).write_bytes((20).to_bytes(8, "little") + b"x" * 100)
    assert refused(tmp_path, BadCheckpoint) == f"{FIRST} is no safetensors file."


def test_a_git_lfs_pointer(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    (tmp_path / FIRST).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    said = refused(tmp_path, BadCheckpoint)
    assert said == f"{FIRST} is not the weights but a Git LFS pointer to them."


def test_an_index_that_names_a_missing_file(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    (tmp_path / FIRST).unlink()
    said = refused(tmp_path, BadCheckpoint)
    assert said == f"{INDEX} names {FIRST}, which is not in the folder."


def test_an_index_that_leaves_the_folder(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", layers=1)
    (tmp_path / "other.safetensors").write_bytes(b"")
    edit_json(tmp_path / "model" / INDEX, weight_map={"a": "../other.safetensors"})
    said = refused(tmp_path / "model", BadCheckpoint)
    assert said == f"{INDEX} names ../other.safetensors, which is not in the folder."


def test_an_index_that_names_a_tensor_too_many(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    weight_map = json.loads((tmp_path / INDEX).read_text())["weight_map"]
    edit_json(tmp_path / INDEX, weight_map={**weight_map, "model.other.weight": FIRST})
    said = refused(tmp_path, BadTensor)
    assert said == f"model.other.weight is not in {FIRST}, where {INDEX} says it is."


def test_a_tensor_in_two_shards(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    weight_map = json.loads((tmp_path / INDEX).read_text())["weight_map"]
    second = "model-00002-of-00002.safetensors"
    (tmp_path / second).write_bytes((tmp_path / FIRST).read_bytes())
    assert "model.embed_tokens.weight" in weight_map
    said = refused(tmp_path, BadTensor)
    assert said == f"model.embed_tokens.weight is stored twice: in {FIRST} and {second}."


def test_shards_without_an_index(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    (tmp_path / INDEX).unlink()
    assert refused(tmp_path, BadCheckpoint) == f"FOLDER has 2 shards and no {INDEX}."
