"""The output matrix of a «tied» checkpoint: left out where it is the embedding, kept where it was trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from convert.checkpoint.checkpoint import open_checkpoint
from convert.errors import BadTensor
from tests.convert.checkpoints import Form, Stored, Wrapping, stored_name, write_checkpoint
from tests.convert.conversions import convert_tiny, read_tensors
from tests.convert.refusals import refused

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
LEFT_OUT = "lm_head left out: it is tied to the embedding"
KEPT = "lm_head is not the embedding that it is tied to: both are kept"
Change = Callable[[NDArray[Any]], NDArray[Any]]


def with_head(head: Change, wrapping: Wrapping = "bare") -> Callable[[Stored], None]:
    def change(stored: Stored) -> None:
        stored[stored_name(HEAD, wrapping)] = head(stored[stored_name(EMBEDDING, wrapping)])

    return change


def one_value_off(values: NDArray[Any]) -> NDArray[Any]:
    changed = values.copy()
    changed[-1, -1] += 1
    return changed


@pytest.mark.parametrize("wrapping", ["bare", "multimodal"])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_head_that_differs_in_one_weight_is_kept(
    wrapping: Wrapping, shards: int, tmp_path: Path
) -> None:
    written = write_checkpoint(
        tmp_path,
        layers=1,
        shards=shards,
        wrapping=wrapping,
        change=with_head(one_value_off, wrapping),
    )
    checkpoint = open_checkpoint(tmp_path)
    assert KEPT in checkpoint.said
    assert not checkpoint.config.tied_embedding
    head = checkpoint.tensors[HEAD]
    expected = one_value_off(written.weights[EMBEDDING].astype(ml_dtypes.bfloat16))
    np.testing.assert_array_equal(head.rows(0, head.shape[0]), expected.astype(np.float32))


@pytest.mark.parametrize("tie", [True, None])
def test_a_head_that_is_the_embedding_is_left_out(tie: bool | None, tmp_path: Path) -> None:
    changes = {} if tie is None else {"tie_word_embeddings": tie}
    write_checkpoint(tmp_path, layers=1, change=with_head(np.copy), config_changes=changes)
    checkpoint = open_checkpoint(tmp_path)
    assert HEAD not in checkpoint.tensors
    assert checkpoint.said == (LEFT_OUT,)


@pytest.mark.parametrize(
    ("form", "dtype"),
    [
        ("BF16", np.float32), ("F32", ml_dtypes.bfloat16), ("F32", np.float16),
        ("F16", np.float32), ("F16", ml_dtypes.bfloat16),
    ],
)  # fmt: skip
def test_the_same_values_in_another_type_are_the_same(
    form: Form, dtype: type, tmp_path: Path
) -> None:
    write_checkpoint(
        tmp_path, form=form, layers=1, change=with_head(lambda values: values.astype(dtype))
    )
    assert open_checkpoint(tmp_path).said == (LEFT_OUT,)


def test_other_values_in_another_type_are_kept(tmp_path: Path) -> None:
    write_checkpoint(
        tmp_path, layers=1, change=with_head(lambda values: values.astype(np.float32) * 1.01)
    )
    assert KEPT in open_checkpoint(tmp_path).said


def test_a_head_stored_alone_is_the_embedding(tmp_path: Path) -> None:
    def change(stored: Stored) -> None:
        stored[HEAD] = stored.pop(EMBEDDING)

    written = write_checkpoint(tmp_path / "tied", layers=1, change=change)
    checkpoint = open_checkpoint(tmp_path / "tied")
    assert checkpoint.said == ("the tied embedding is stored as lm_head",)
    source = checkpoint.tensors[EMBEDDING]
    np.testing.assert_array_equal(source.rows(0, 5), written.weights[EMBEDDING][:5])

    untied = {"tie_word_embeddings": False}
    write_checkpoint(tmp_path / "untied", layers=1, change=change, config_changes=untied)
    assert refused(tmp_path / "untied", BadTensor) == f"{EMBEDDING} is missing."


def test_a_head_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1, change=with_head(lambda values: values[:-1]))
    assert refused(tmp_path, BadTensor).startswith("lm_head.weight has 680 rows")


@pytest.mark.native
def test_a_head_of_its_own_reaches_the_file(tmp_path: Path, output: Path) -> None:
    written = write_checkpoint(tmp_path / "model", layers=1, change=with_head(one_value_off))
    convert_tiny(written.folder, output)
    tensors = read_tensors(output)
    embedding, head = tensors["token_embd.weight"], tensors["output.weight"]
    assert abs(head - embedding)[-1, -1] > 0.9
    assert abs(head - embedding)[:-1].max() == 0
