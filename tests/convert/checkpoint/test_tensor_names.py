"""Names that training tools and multimodal wrappers give to Gemma's tensors are those of a bare Gemma 3."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from convert.checkpoint.checkpoint import open_checkpoint
from convert.checkpoint.tensor_names import canonical
from convert.errors import BadTensor, UnsupportedCheckpoint
from tests.convert.checkpoints import Stored, Wrapping, write_checkpoint
from tests.convert.refusals import refused

UP = "layers.0.mlp.up_proj.weight"


def renamed(rename: Callable[[str], str]) -> Callable[[Stored], None]:
    def change(stored: Stored) -> None:
        for name in list(stored):
            stored[rename(name)] = stored.pop(name)

    return change


def put(name: str, count: int = 16) -> Callable[[Stored], None]:
    def change(stored: Stored) -> None:
        stored[name] = np.ones(count, np.float32)

    return change


@pytest.mark.parametrize(
    "stored",
    [
        f"model.{UP}",
        UP,
        f"_orig_mod.model.{UP}",
        f"module.model.{UP}",
        f"module._orig_mod.model.{UP}",
        f"_orig_mod.module.language_model.model.{UP}",
        f"base_model.model.model.{UP}",
        f"module.base_model.model.model.{UP}",
        f"_fsdp_wrapped_module.model.{UP}",
        f"model._orig_mod.{UP}",
        "model.layers.0._orig_mod.mlp.up_proj.weight",
        "model.layers.0._checkpoint_wrapped_module.mlp.up_proj.weight",
        f"model.model.{UP}",
        f"language_model.model.{UP}",
        f"language_model.{UP}",
        f"model.language_model.{UP}",
        f"model.model.language_model.{UP}",
    ],
)
def test_a_layers_tensor_has_one_name(stored: str) -> None:
    assert canonical(stored).name == f"model.{UP}"
    assert not canonical(stored).is_vision


@pytest.mark.parametrize(
    "stored",
    [
        "lm_head.weight",
        "language_model.lm_head.weight",
        "module.lm_head.weight",
        "model.lm_head.weight",
    ],
)
def test_the_output_matrix_has_one_name(stored: str) -> None:
    assert canonical(stored).name == "lm_head.weight"


@pytest.mark.parametrize("prefix", ["", "model.", "_orig_mod.model.", "base_model.model."])
def test_the_part_that_sees_is_known_under_any_prefix(prefix: str) -> None:
    assert canonical(f"{prefix}vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight").is_vision
    assert canonical(f"{prefix}multi_modal_projector.mm_soft_emb_norm.weight").is_vision


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("wrapping", get_args(Wrapping))
@pytest.mark.parametrize(
    "prefix", ["_orig_mod.", "module.", "base_model.model.", "module._orig_mod."]
)
def test_a_prefix_is_taken_off_and_it_is_said(
    prefix: str, wrapping: Wrapping, shards: int, tmp_path: Path
) -> None:
    written = write_checkpoint(
        tmp_path,
        layers=1,
        wrapping=wrapping,
        shards=shards,
        change=renamed(lambda name: prefix + name),
    )
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.tensors.keys() == written.weights.keys()
    for name, source in checkpoint.tensors.items():
        np.testing.assert_array_equal(source.rows(0, 1)[0], written.weights[name][0])
    for word in prefix.removesuffix(".").split(".") if "base" not in prefix else [prefix]:
        assert any(f"«{word}» taken out of" in remark for remark in checkpoint.said)


def test_a_prefix_of_some_shards_alone_is_taken_off(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        for name in [name for name in stored if "layers" in name]:
            stored[f"module.{name}"] = stored.pop(name)

    written = write_checkpoint(tmp_path, layers=1, change=change)
    assert open_checkpoint(tmp_path).tensors.keys() == written.weights.keys()


def test_the_inner_model_saved_alone_has_no_prefix(tmp_path: Path) -> None:
    written = write_checkpoint(
        tmp_path,
        layers=1,
        change=renamed(lambda name: name.removeprefix("model.")),
        config_changes={"architectures": ["Gemma3TextModel"]},
    )
    assert open_checkpoint(tmp_path).tensors.keys() == written.weights.keys()


def test_two_states_of_one_tensor_are_refused(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored["_orig_mod.model.norm.weight"] = stored["model.norm.weight"] + 1

    write_checkpoint(tmp_path, layers=1, change=change)
    said = refused(tmp_path, BadTensor)
    assert "model.norm.weight and _orig_mod.model.norm.weight are the same tensor" in said


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.rotary_emb.inv_freq",
        "model.rotary_emb_local.inv_freq",
        "model.rotary_emb.full_attention_inv_freq",
        "model.rotary_emb.sliding_attention_original_inv_freq",
        "rotary_emb.inv_freq",
        "model.embed_tokens.embed_scale",
    ],
)
def test_what_a_model_computes_by_itself_is_no_weight(name: str, tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, layers=1, change=put(name))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.tensors.keys() == written.weights.keys()
    assert checkpoint.said == ("1 tensors left out that a model computes by itself",)


def test_a_value_head_is_left_out(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, layers=1, change=put("v_head.summary.weight"))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.tensors.keys() == written.weights.keys()
    assert checkpoint.said == ("value head of reinforcement learning left out, 1 tensors",)


@pytest.mark.parametrize(
    "name",
    [
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight",
        "base_model.model.lm_head.modules_to_save.default.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A",
    ],
)
def test_a_model_with_its_adapter_still_around_it_is_refused(name: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1, change=put(name))
    assert refused(tmp_path, UnsupportedCheckpoint) == (
        f"{name} belongs to a LoRA adapter, not to a whole model."
    )
