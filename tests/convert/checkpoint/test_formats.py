"""Every storage gives the numbers that were put into it; an INT4 grid is kept where Q4_0 can hold it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import gguf
import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from convert.checkpoint.checkpoint import open_checkpoint
from convert.errors import BadTensor
from tests.convert.checkpoints import FORMS, Form, Stored, Wrapping, write_checkpoint

QUERIES = "model.layers.0.self_attn.q_proj"
EXACT: tuple[Form, ...] = ("GPTQ", "GPTQ-v2", "packed", "packed-channel")
ROUNDED_ANEW: dict[Form, str] = {
    "GPTQ-asymmetric": "asymmetric",
    "GPTQ-v2-asymmetric": "asymmetric",
    "GPTQ-act-order": "act-order",
    "packed-asymmetric": "asymmetric",
    "packed-act-order": "act-order",
}


def from_q4_0(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    values: NDArray[np.float32] = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q4_0)
    return values


def scaled(factor: float, part: str = "scales") -> Callable[[Stored], None]:
    def change(stored: Stored) -> None:
        name = f"{QUERIES}.{part}"
        stored[name] = (stored[name].astype(np.float32) * factor).astype(stored[name].dtype)

    return change


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_the_stored_numbers(form: Form, tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, form=form, layers=1)
    tensors = open_checkpoint(tmp_path).tensors
    assert tensors.keys() == written.weights.keys()
    for name, source in tensors.items():
        truth = written.weights[name]
        assert source.name == name
        assert source.rows(0, len(truth)).dtype == np.float32
        np.testing.assert_array_equal(source.rows(0, len(truth)), truth, strict=True)


@pytest.mark.parametrize("form", FORMS)
def test_any_part_of_the_rows_can_be_read_alone(form: Form, tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, form=form, layers=1)
    source = open_checkpoint(tmp_path).tensors["model.layers.0.mlp.gate_proj.weight"]
    truth = written.weights[source.name]
    for begin, end in ((0, 1), (3, 21), (17, 19), (40, 96), (95, 96), (8, 16), (5, 5)):
        np.testing.assert_array_equal(source.rows(begin, end), truth[begin:end])


@pytest.mark.parametrize("wrapping", get_args(Wrapping))
@pytest.mark.parametrize("form", ["BF16", "GPTQ", "packed", "FP8-row"])
def test_names_lose_their_multimodal_prefix(form: Form, wrapping: Wrapping, tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, form=form, layers=1, wrapping=wrapping)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.tensors.keys() == written.weights.keys()
    assert checkpoint.config.multimodal == (wrapping != "bare")
    said = "text part of a multimodal checkpoint; 2 vision tensors left out"
    assert (said in checkpoint.said) == (wrapping != "bare")


@pytest.mark.parametrize("group", [32, 96])
@pytest.mark.parametrize("form", EXACT)
def test_an_int4_grid_is_repacked_without_changing_one_weight(
    form: Form, group: int, tmp_path: Path
) -> None:
    sizes = {"hidden_size": 96, "intermediate_size": 192, "head_dim": 96}
    changes = {"query_pre_attn_scalar": 96}
    written = write_checkpoint(
        tmp_path, form=form, layers=1, group=group, sizes=sizes, config_changes=changes
    )
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.said == ("7 INT4 matrices lie on Q4_0's grid and are repacked exactly",)
    for name, source in checkpoint.tensors.items():
        blocks = source.q4_0_rows(0, source.shape[0])
        assert (blocks is not None) == name.endswith("_proj.weight")
        if blocks is not None:
            assert blocks.shape == (source.shape[0], source.shape[1] // 32 * 18)
            np.testing.assert_array_equal(from_q4_0(blocks), written.weights[name], strict=True)
            some = source.q4_0_rows(5, 11)
            assert some is not None
            np.testing.assert_array_equal(some, blocks[5:11])


@pytest.mark.parametrize(("form", "reason"), ROUNDED_ANEW.items())
def test_other_int4_grids_are_not_repacked_and_it_is_said(
    form: Form, reason: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path, form=form, layers=1)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.said == (
        f"7 INT4 matrices are dequantized and quantized anew ({reason}): {QUERIES}.weight and others",
    )
    assert checkpoint.tensors[f"{QUERIES}.weight"].q4_0_rows(0, 8) is None
    assert checkpoint.tensors[f"{QUERIES}.weight"].q4_0_error is None


def test_groups_that_are_no_whole_blocks_are_not_repacked(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form="GPTQ", layers=1, group=16)
    checkpoint = open_checkpoint(tmp_path)
    assert "(groups of 16)" in checkpoint.said[0]
    assert checkpoint.tensors[f"{QUERIES}.weight"].q4_0_rows(0, 8) is None
    assert checkpoint.tensors[f"{QUERIES}.weight"].q4_0_error is None


def test_scales_that_float16_cannot_hold_are_not_repacked(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form="packed", layers=1, change=scaled(1e-7, "weight_scale"))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.said == (
        "6 INT4 matrices lie on Q4_0's grid and are repacked exactly",
        "1 INT4 matrix is dequantized and quantized anew (scales that F16 cannot hold):"
        f" {QUERIES}.weight",
    )
    assert checkpoint.tensors[f"{QUERIES}.weight"].q4_0_rows(0, 8) is None
    assert checkpoint.tensors[f"{QUERIES}.weight"].q4_0_error is None


@pytest.mark.parametrize("row", [0, -1])
def test_one_scale_too_small_for_float16_in_any_row_is_seen(row: int, tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        scales = stored[f"{QUERIES}.weight_scale"]
        stored[f"{QUERIES}.weight_scale"] = scales.astype(np.float32)
        stored[f"{QUERIES}.weight_scale"][row, -1] = 1e-9

    write_checkpoint(tmp_path, form="packed", layers=1, change=change)
    assert open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"].q4_0_error is None


def test_scales_between_those_of_float16_are_rounded_and_the_codes_stay(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        name = f"{QUERIES}.weight_scale"
        stored[name] = stored[name].astype(np.float32) * np.float32(1.0003)

    write_checkpoint(tmp_path, form="packed", layers=1, change=change)
    checkpoint = open_checkpoint(tmp_path)
    assert "1 INT4 matrix keeps its codes, its scales are rounded to F16" in checkpoint.said
    source = checkpoint.tensors[f"{QUERIES}.weight"]
    assert source.q4_0_error is not None
    assert 1e-4 < source.q4_0_error < 2**-11
    rows, blocks = source.rows(0, 64), source.q4_0_rows(0, 64)
    assert blocks is not None
    np.testing.assert_allclose(from_q4_0(blocks), rows, rtol=source.q4_0_error * 1.01)
    assert (from_q4_0(blocks) != rows).any()


@pytest.mark.parametrize("part", ["g_idx", "weight_g_idx"])
def test_an_order_that_says_nothing_is_no_act_order(part: str, tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored[f"{QUERIES}.{part}"] = np.full(64, -1, np.int32)

    form: Form = "GPTQ" if part == "g_idx" else "packed"
    written = write_checkpoint(tmp_path, form=form, layers=1, change=change)
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    np.testing.assert_array_equal(source.rows(0, 64), written.weights[source.name])
    assert source.q4_0_rows(0, 64) is not None


def test_gptq_may_leave_out_the_group_index(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        del stored[f"{QUERIES}.g_idx"]

    written = write_checkpoint(tmp_path, form="GPTQ", layers=1, change=change)
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    np.testing.assert_array_equal(source.rows(0, 64), written.weights[source.name])


def zeros_plus(number: int) -> Callable[[Stored], None]:
    """Every stored zero point of a GPTQ checkpoint is so much larger."""

    def change(stored: Stored) -> None:
        for name in stored:
            if name.endswith("qzeros"):
                shifted = stored[name].view(np.uint32) + np.uint32(number * 0x1111_1111 % 2**32)
                stored[name] = shifted.view(np.int32)

    return change


@pytest.mark.parametrize(
    ("form", "more"), [("GPTQ", 1), ("GPTQ-v2", -1)], ids=["v1 with 8", "v2 with 7"]
)
@pytest.mark.parametrize("sym", [True, None])
def test_symmetric_gptq_of_the_other_formats_label_is_read_right(
    form: Form, more: int, sym: bool | None, tmp_path: Path
) -> None:
    written = write_checkpoint(tmp_path, form=form, layers=1, change=zeros_plus(more))
    config = json.loads((tmp_path / "config.json").read_text())
    config["quantization_config"]["sym"] = sym
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    np.testing.assert_array_equal(source.rows(0, 64), written.weights[source.name])
    assert source.q4_0_error == 0.0


def test_asymmetric_gptq_is_read_as_it_is_labelled(tmp_path: Path) -> None:
    """All zeros 8 under the older label are 9 where config.json says that they are not symmetric."""
    written = write_checkpoint(tmp_path, form="GPTQ", layers=1, change=zeros_plus(1))
    config = json.loads((tmp_path / "config.json").read_text())
    config["quantization_config"]["sym"] = False
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    assert (source.rows(0, 64) < written.weights[source.name]).any()
    assert source.q4_0_error is None


@pytest.mark.parametrize("form", ["GPTQ-asymmetric", "GPTQ-v2-asymmetric"])
def test_gptq_that_calls_itself_symmetric_and_is_not_is_refused(form: Form, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form=form, layers=1)
    config = json.loads((tmp_path / "config.json").read_text())
    config["quantization_config"]["sym"] = True
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        BadTensor, match=r"zero points other than 8, and config\.json says sym = true"
    ):
        open_checkpoint(tmp_path)
    # Unless it says otherwise for single layers.
    config["quantization_config"]["dynamic"] = {"+:.*q_proj": {"sym": False}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"].q4_0_error is None


@pytest.mark.parametrize("dtype", [np.int8, np.float32, ml_dtypes.float8_e4m3fn])
def test_zero_points_of_nought_say_nothing_of_float8(dtype: type, tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored[f"{QUERIES}.weight_zero_point"] = np.zeros((64, 1), dtype)

    written = write_checkpoint(tmp_path, form="FP8-row", layers=1, change=change)
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    np.testing.assert_array_equal(source.rows(0, 64), written.weights[source.name])


def test_other_zero_points_of_float8_are_refused(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored[f"{QUERIES}.weight_zero_point"] = np.eye(64, 1, dtype=np.int8)

    write_checkpoint(tmp_path, form="FP8-row", layers=1, change=change)
    with pytest.raises(BadTensor, match="zero points other than 0"):
        open_checkpoint(tmp_path)


def test_an_unpacked_zero_point_is_signed(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "packed", form="packed-asymmetric", layers=1)
    zeros = np.random.default_rng(1).integers(-8, 8, (64, 2)).astype(np.int8)

    def change(stored: Stored) -> None:
        stored[f"{QUERIES}.weight_zero_point"] = zeros
        scales = stored[f"{QUERIES}.weight_scale"]
        stored[f"{QUERIES}.weight_scale"] = np.ones_like(scales)

    write_checkpoint(tmp_path / "plain", form="packed-asymmetric", layers=1, change=change)
    source = open_checkpoint(tmp_path / "plain").tensors[f"{QUERIES}.weight"]
    values = source.rows(0, 64)
    codes = values + np.repeat(zeros, 32, axis=1)
    assert set(np.unique(codes)) == set(range(-8, 8))
    assert written.weights[source.name].shape == values.shape


def test_a_float8_block_may_be_written_as_a_text(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, form="FP8-block", layers=1)
    config = json.loads((tmp_path / "config.json").read_text())
    weights = config["quantization_config"]["config_groups"]["group_0"]["weights"]
    assert weights["block_structure"] == [16, 32]
    weights["block_structure"] = "16x32"
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    np.testing.assert_array_equal(source.rows(0, 64), written.weights[source.name])


def test_a_float8_block_may_be_cut_by_the_edge(tmp_path: Path) -> None:
    sizes = {"intermediate_size": 104}
    written = write_checkpoint(tmp_path, form="FP8-block", layers=1, sizes=sizes)
    source = open_checkpoint(tmp_path).tensors["model.layers.0.mlp.down_proj.weight"]
    np.testing.assert_array_equal(source.rows(0, 64), written.weights[source.name])


@pytest.mark.parametrize("form", ["BF16", "F16", "F32"])
@pytest.mark.parametrize(("value", "said"), [(np.nan, "NaN"), (np.inf, "Inf"), (-np.inf, "Inf")])
def test_nan_and_inf_are_found_where_they_are(
    form: Form, value: float, said: str, tmp_path: Path
) -> None:
    def change(stored: Stored) -> None:
        stored[f"{QUERIES}.weight"][41, 7] = value

    write_checkpoint(tmp_path, form=form, layers=1, change=change)
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    source.rows(0, 41)
    with pytest.raises(BadTensor) as caught:
        source.rows(40, 64)
    assert str(caught.value) == f"{QUERIES}.weight holds {said} at row 41, column 7."


@pytest.mark.parametrize(("form", "part"), [("GPTQ", "scales"), ("packed", "weight_scale")])
def test_a_nan_scale_is_found_and_never_repacked(form: Form, part: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form=form, layers=1, change=scaled(np.nan, part))
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    assert source.q4_0_rows(0, 1) is None
    with pytest.raises(BadTensor, match="holds NaN at row 0, column 0"):
        source.rows(0, 1)


def test_a_float8_nan_is_found(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored[f"{QUERIES}.weight"].view(np.uint8)[2, 3] = 0x7F

    write_checkpoint(tmp_path, form="FP8-row", layers=1, change=change)
    source = open_checkpoint(tmp_path).tensors[f"{QUERIES}.weight"]
    with pytest.raises(BadTensor, match="holds NaN at row 2, column 3"):
        source.rows(0, 64)


def test_an_untied_output_matrix_is_a_tensor_of_its_own(tmp_path: Path) -> None:
    head = np.ones((0, 0), np.float32)

    def change(stored: Stored) -> None:
        nonlocal head
        values = stored["model.embed_tokens.weight"].astype(np.float32) * 2
        stored["lm_head.weight"] = values.astype(ml_dtypes.bfloat16)
        head = stored["lm_head.weight"].astype(np.float32)

    write_checkpoint(
        tmp_path / "untied", layers=1, config_changes={"tie_word_embeddings": False}, change=change
    )
    source = open_checkpoint(tmp_path / "untied").tensors["lm_head.weight"]
    np.testing.assert_array_equal(source.rows(0, len(head)), head)


def test_scales_of_activations_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored[f"{QUERIES}.input_scale"] = np.ones(1, np.float32)
        for part in ("k_scale", "k_zero_point", "v_scale", "v_zero_point", "kv_scale"):
            stored[f"model.layers.0.self_attn.{part}"] = np.ones(1, np.float32)
        stored["model.layers.0.self_attn.attn.q_scale"] = np.ones(1, np.float32)

    write_checkpoint(tmp_path, form="FP8-tensor", layers=1, change=change)
    assert open_checkpoint(tmp_path).said == ("7 scales of activations left out",)


def test_one_file_without_an_index_is_enough(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1, shards=1)
    whole = open_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "gptq_model-4bit-128g.safetensors")
    assert open_checkpoint(tmp_path).tensors.keys() == whole.tensors.keys()
