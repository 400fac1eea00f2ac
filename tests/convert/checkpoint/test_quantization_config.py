"""Tensors and quantizations that cannot be read: one sentence that names what is wrong, and a hint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.checkpoint.checkpoint import open_checkpoint
from convert.errors import BadTensor, UnsupportedCheckpoint
from tests.convert.checkpoints import Form, Stored, write_checkpoint
from tests.convert.refusals import QUERIES, edit_json, refused

# The tensors


def drop(name: str) -> Callable[[Stored], None]:
    def change(stored: Stored) -> None:
        del stored[name]

    return change


def put(name: str, values: Any) -> Callable[[Stored], None]:
    def change(stored: Stored) -> None:
        stored[name] = np.asarray(values)

    return change


TENSORS: list[tuple[Form, Callable[[Stored], None], str]] = [
    ("BF16", drop(f"{QUERIES}.weight"), f"{QUERIES}.weight is missing."),
    ("BF16", drop("model.norm.weight"), "model.norm.weight is missing."),
    (
        "BF16",
        put("model.layers.1.mlp.up_proj.weight", np.ones((96, 64), np.float32)),
        "model.layers.1.mlp.up_proj.weight in model-00002-of-00002.safetensors is no tensor of the"
        " Gemma 3 that config.json describes.",
    ),
    (
        "BF16",
        put(f"{QUERIES}.bias", np.ones(64, np.float32)),
        f"{QUERIES}.bias in model-00002-of-00002.safetensors is no tensor of the Gemma 3 that"
        " config.json describes.",
    ),
    (
        "BF16",
        put("model.layers.0.input_layernorm.weight_scale", np.ones(1, np.float32)),
        "model.layers.0.input_layernorm.weight_scale in model-00002-of-00002.safetensors is no tensor"
        " of the Gemma 3 that config.json describes.",
    ),
    (
        "BF16",
        put(f"{QUERIES}.weight", np.ones((64, 32), np.float32)),
        f"{QUERIES}.weight has the shape [64, 32], [64, 64] was expected.",
    ),
    (
        "BF16",
        put(f"{QUERIES}.weight", np.ones((64, 64), np.int8)),
        f"{QUERIES}.weight is stored as I8, BF16 or F16 or F32 was expected.",
    ),
    (
        "BF16",
        put("model.embed_tokens.weight", np.ones((700, 64), np.float32)),
        "model.embed_tokens.weight has 700 rows, config.json says vocab_size = 681.",
    ),
    (
        "FP8-row",
        drop(f"{QUERIES}.weight_scale"),
        f"{QUERIES}.weight is stored in FP8 without a scale.",
    ),
    (
        "FP8-row",
        put(f"{QUERIES}.weight_scale", np.ones((3, 1), np.float32)),
        f"{QUERIES}.weight_scale has the shape [3, 1], [] or [1] or [1, 1] or [64, 1] or [64] was"
        " expected.",
    ),
    ("GPTQ", drop(f"{QUERIES}.scales"), f"{QUERIES}.qweight has no scales beside it."),
    (
        "GPTQ",
        drop(f"{QUERIES}.qweight"),
        f"{QUERIES}.weight is missing: there is no qweight, weight_packed or weight.",
    ),
    (
        "GPTQ",
        put(f"{QUERIES}.qweight", np.ones((16, 64), np.int32)),
        f"{QUERIES}.qweight holds 8-bit codes; GPTQ is read with 4 bits only.",
    ),
    (
        "GPTQ",
        put(f"{QUERIES}.qweight", np.ones((9, 64), np.int32)),
        f"{QUERIES}.qweight has the shape [9, 64], [8, 64] was expected.",
    ),
    (
        "GPTQ",
        put(f"{QUERIES}.qzeros", np.ones((2, 9), np.int32)),
        f"{QUERIES}.qzeros has the shape [2, 9], [2, 8] was expected.",
    ),
    (
        "GPTQ",
        put(f"{QUERIES}.g_idx", np.full(64, 2, np.int32)),
        f"{QUERIES}.g_idx names a group outside 0 to 1.",
    ),
    (
        "packed",
        drop(f"{QUERIES}.weight_scale"),
        f"{QUERIES}.weight_packed has no weight_scale beside it.",
    ),
    (
        "packed",
        put(f"{QUERIES}.weight_packed", np.ones((64, 16), np.int32)),
        f"{QUERIES}.weight_packed holds 8-bit codes; pack-quantized is read with 4 bits only.",
    ),
    (
        "packed",
        put(f"{QUERIES}.weight_shape", np.array([64, 60])),
        f"{QUERIES}.weight_shape says [64, 60], [64, 64] was expected.",
    ),
    (
        "packed",
        put(f"{QUERIES}.weight_scale", np.ones((64, 3), np.float32)),
        f"{QUERIES}.weight has 64 columns and 3 groups, which cannot be equally long.",
    ),
    (
        "packed",
        put(f"{QUERIES}.weight_scale", np.ones((64, 0), np.float32)),
        f"{QUERIES}.weight has 64 columns and 0 groups, which cannot be equally long.",
    ),
]


@pytest.mark.parametrize(("form", "change", "said"), TENSORS, ids=[said for _, _, said in TENSORS])
def test_a_bad_tensor(
    form: Form, change: Callable[[Stored], None], said: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path, form=form, layers=1, change=change)
    assert refused(tmp_path, BadTensor) == said


# Other quantizations


@pytest.mark.parametrize(
    ("quantization", "said"),
    [
        ({"quant_method": "awq", "bits": 4}, "quantized by awq"),
        ({"quant_method": "bitsandbytes"}, "quantized by bitsandbytes"),
        ({"quant_method": "gptq", "bits": 8}, "GPTQ with 8 bits"),
        (
            {"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"},
            "GPTQ in the format marlin",
        ),
        ({"quant_method": "gptq", "bits": 4, "pack_dtype": "int16"}, "GPTQ packed in int16"),
        (
            {"quant_method": "compressed-tensors", "format": "int-quantized"},
            "compressed-tensors in the format int-quantized",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "sparsity_config": {"format": "sparse-24-bitmask"},
            },
            "compressed-tensors in the format sparse-24-bitmask",
        ),
    ],
)
def test_another_quantization(quantization: dict[str, Any], said: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form="GPTQ", layers=1)
    edit_json(tmp_path / "config.json", quantization_config=quantization)
    assert (
        refused(tmp_path, UnsupportedCheckpoint)
        == f"The checkpoint is {said}, which is not supported."
    )


@pytest.mark.parametrize(
    "method", ["bitsandbytes", "awq", "torchao", "gptq", "mxfp4", "compressed-tensors"]
)
def test_a_quantization_that_a_merge_left_in_the_config_is_passed_over(
    method: str, tmp_path: Path
) -> None:
    left_over = {"quant_method": method, "bits": 8, "format": "nvfp4-pack-quantized"}
    written = write_checkpoint(
        tmp_path, layers=1, config_changes={"quantization_config": left_over}
    )
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.tensors.keys() == written.weights.keys()
    assert checkpoint.said == (
        f"config.json tells of a quantization by {method}, but the weights are stored without one",
    )


def test_rotated_weights(tmp_path: Path) -> None:
    quantization = {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "transform_config": {"config_groups": {"R1": {"type": "hadamard"}}},
    }
    write_checkpoint(tmp_path, layers=1, config_changes={"quantization_config": quantization})
    assert refused(tmp_path, UnsupportedCheckpoint) == (
        "The checkpoint's weights are rotated (transform_config), which is not supported."
    )
