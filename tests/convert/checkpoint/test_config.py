"""config.json in the spellings of several years is one Gemma3Config."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from convert.checkpoint.config import Gemma3Config, read_config
from convert.errors import BadCheckpoint, UnsupportedCheckpoint

BARE = {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text"}

OF_1B = {
    **BARE,
    "eos_token_id": [1, 106],
    "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 1152,
    "intermediate_size": 6912,
    "max_position_embeddings": 32768,
    "num_attention_heads": 4,
    "num_hidden_layers": 26,
    "num_key_value_heads": 1,
    "query_pre_attn_scalar": 256,
    "rope_local_base_freq": 10000,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": 512,
    "sliding_window_pattern": 6,
    "vocab_size": 262144,
}
OF_4B = {
    "architectures": ["Gemma3ForConditionalGeneration"],
    "eos_token_id": [1, 106],
    "model_type": "gemma3",
    "text_config": {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "model_type": "gemma3_text",
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    },
    "vision_config": {"hidden_size": 1152},
}
OF_27B = {
    **OF_4B,
    "text_config": {
        "head_dim": 128,
        "hidden_size": 5376,
        "intermediate_size": 21504,
        "num_attention_heads": 32,
        "num_hidden_layers": 62,
        "num_key_value_heads": 16,
        "query_pre_attn_scalar": 168,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    },
}


def read(folder: Path, config: Mapping[str, Any], **changes: Any) -> Gemma3Config:
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return read_config(folder)


def test_a_bare_model(tmp_path: Path) -> None:
    assert read(tmp_path, OF_1B) == Gemma3Config(
        width=1152,
        layers=26,
        feed_forward=6912,
        heads=4,
        kv_heads=1,
        head_width=256,
        sliding_window=512,
        sliding_pattern=6,
        rope_base_global=1e6,
        rope_base_local=1e4,
        rope_scaling=1.0,
        norm_epsilon=1e-6,
        query_pre_attn_scalar=256,
        vocabulary_rows=262_144,
        context_length=32_768,
        tied_embedding=True,
        final_logit_softcapping=None,
        multimodal=False,
    )


def test_the_text_part_of_a_multimodal_model_has_the_defaults_of_transformers(
    tmp_path: Path,
) -> None:
    assert read(tmp_path, OF_4B) == Gemma3Config(
        width=2560,
        layers=34,
        feed_forward=10240,
        heads=8,
        kv_heads=4,
        head_width=256,
        sliding_window=1024,
        sliding_pattern=6,
        rope_base_global=1e6,
        rope_base_local=1e4,
        rope_scaling=8.0,
        norm_epsilon=1e-6,
        query_pre_attn_scalar=256,
        vocabulary_rows=262_208,
        context_length=131_072,
        tied_embedding=True,
        final_logit_softcapping=None,
        multimodal=True,
    )


def test_27b_scales_queries_by_its_width_over_its_heads(tmp_path: Path) -> None:
    assert read(tmp_path, OF_27B).query_pre_attn_scalar == 5376 / 32


def test_rope_parameters_are_the_newer_spelling(tmp_path: Path) -> None:
    old = read(tmp_path, OF_4B)
    text: dict[str, Any] = dict(OF_4B["text_config"])  # type: ignore[call-overload]
    del text["rope_scaling"]
    text["rope_parameters"] = {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
    assert read(tmp_path, OF_4B, text_config=text) == old


def test_layer_types_are_the_newer_spelling(tmp_path: Path) -> None:
    kinds = ["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(26)]
    config = {key: value for key, value in OF_1B.items() if key != "sliding_window_pattern"}
    assert read(tmp_path, config, layer_types=kinds) == read(tmp_path, OF_1B)
    threes = ["full_attention" if layer % 3 == 2 else "sliding_attention" for layer in range(26)]
    assert read(tmp_path, config, layer_types=threes).sliding_pattern == 3
    few = read(tmp_path, config, layer_types=["sliding_attention"] * 4, num_hidden_layers=4)
    assert few.sliding_pattern == 6


@pytest.mark.parametrize(
    "kinds",
    [
        ["full_attention", *["sliding_attention"] * 25],
        ["sliding_attention"] * 25,
        [*["sliding_attention"] * 5, "full_attention"] * 4,
        ["chunked_attention"] * 26,
    ],
)
def test_another_rhythm_of_global_layers_is_refused(kinds: list[str], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCheckpoint, match="layer_types is no list of 26 layers"):
        read(tmp_path, OF_1B, layer_types=kinds)


@pytest.mark.parametrize(
    "scaling",
    [
        {"rope_scaling": {"rope_type": "linear", "factor": 8}},
        {"rope_scaling": {"type": "linear", "factor": 8.0}},
        {"rope_scaling": {"full_attention": {"rope_type": "linear", "factor": 8}}},
        {"rope_parameters": {"rope_type": "linear", "factor": 8.0}},
        {"rope_parameters": {"full_attention": {"type": "linear", "factor": 8.0}}},
        {
            "rope_scaling": {"type": "linear", "factor": 8.0},
            "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8}},
        },
        {
            "rope_scaling": {"type": "linear", "factor": 8.0},
            "rope_parameters": {"full_attention": {"rope_type": "default"}},
        },
    ],
)
def test_a_linear_scaling_is_read_in_every_spelling(
    scaling: dict[str, Any], tmp_path: Path
) -> None:
    assert read(tmp_path, OF_1B, **scaling).rope_scaling == 8


@pytest.mark.parametrize(
    "scaling",
    [
        {"rope_scaling": {}},
        {"rope_scaling": {"rope_type": "default", "factor": 8}},
        {"rope_scaling": {"full_attention": None}},
        {"rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {}}},
        {"rope_parameters": {"sliding_attention": {"rope_type": "linear", "factor": 1.0}}},
    ],
)
def test_no_scaling_is_read_in_every_spelling(scaling: dict[str, Any], tmp_path: Path) -> None:
    assert read(tmp_path, OF_1B, **scaling).rope_scaling == 1


@pytest.mark.parametrize(
    ("scaling", "said"),
    [
        (
            {"rope_scaling": {"factor": 8.0}},
            "rope_scaling in config.json has a factor and no rope_type",
        ),
        (
            {"rope_scaling": {"rope_type": None, "factor": 8}},
            "rope_scaling in config.json has a factor and no rope_type",
        ),
        (
            {"rope_parameters": {"full_attention": {"factor": 8.0}}},
            "full_attention in rope_parameters in config.json has a factor and no rope_type",
        ),
        (
            {"rope_parameters": {"sliding_attention": {"factor": 8.0}}},
            "sliding_attention in rope_parameters in config.json has a factor and no rope_type",
        ),
        ({"rope_scaling": {"rope_type": "linear"}}, "linearly and has no factor above 0"),
        ({"rope_scaling": {"type": "linear", "factor": -8}}, "linearly and has no factor above 0"),
        (
            {
                "rope_scaling": {"type": "linear", "factor": 8},
                "rope_parameters": {"rope_type": "linear", "factor": 4},
            },
            "rope_scaling and rope_parameters name different factors",
        ),
    ],
)
def test_a_scaling_that_is_not_wholly_said_is_refused(
    scaling: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadCheckpoint, match=said):
        read(tmp_path, OF_1B, **scaling)


@pytest.mark.parametrize(
    "names", [["Gemma3ForCausalLM"], ["Gemma3Model"], ["PeftModel", "Gemma3ForCausalLM"], None, []]
)
def test_a_text_config_is_read_whatever_the_architecture_is_called(
    names: list[str] | None, tmp_path: Path
) -> None:
    assert read(tmp_path, OF_4B, architectures=names) == read(tmp_path, OF_4B)


def test_a_multimodal_name_over_a_flat_config_is_read(tmp_path: Path) -> None:
    flat = read(tmp_path, OF_1B, architectures=["Gemma3ForConditionalGeneration"])
    assert flat == read(tmp_path, OF_1B)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_editors_byte_order_mark_is_no_damage(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(OF_1B), encoding=encoding)
    marked = read_config(tmp_path)
    assert marked == read(tmp_path, OF_1B)


def test_a_config_nested_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(BadCheckpoint, match=r"config\.json is no JSON"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
            "rope_scaling in config.json scales positions by 'yarn', which is not supported.",
        ),
        (
            {"rope_scaling": {"type": "dynamic", "factor": 4.0}},
            "rope_scaling in config.json scales positions by 'dynamic', which is not supported.",
        ),
        (
            {"rope_parameters": {"full_attention": {"rope_type": "llama3", "factor": 8.0}}},
            "full_attention in rope_parameters in config.json scales positions by 'llama3', which is"
            " not supported.",
        ),
        (
            {"rope_parameters": {"sliding_attention": {"rope_type": "linear", "factor": 8.0}}},
            "sliding_attention in rope_parameters in config.json scales positions by 'linear', which is"
            " not supported.",
        ),
    ],
)
def test_another_scaling_of_positions_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedCheckpoint) as caught:
        read(tmp_path, OF_1B, **changes)
    assert str(caught.value) == said


def test_an_untied_model_promises_an_output_matrix(tmp_path: Path) -> None:
    tied = read(tmp_path, OF_1B).tensor_shapes()
    untied = read(tmp_path, OF_1B, tie_word_embeddings=False).tensor_shapes()
    assert len(tied) == 2 + 26 * 13
    assert untied.keys() - tied.keys() == {"lm_head.weight"}
    assert untied["lm_head.weight"] == untied["model.embed_tokens.weight"] == (262_144, 1152)
