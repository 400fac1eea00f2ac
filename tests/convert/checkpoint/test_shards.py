"""Which files of a folder are the weights, where more than one set of them lies there."""

import json
from pathlib import Path

import numpy as np
import pytest

from convert.checkpoint.checkpoint import open_checkpoint
from convert.errors import BadCheckpoint
from tests.convert.checkpoints import write_checkpoint
from tests.convert.refusals import FIRST, INDEX, refused

SINGLE = "model.safetensors"
APPLE_DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(4072)


def first_weight(folder: Path) -> float:
    return float(open_checkpoint(folder).tensors["model.norm.weight"].rows(0, 1)[0, 0])


@pytest.fixture
def two_sets(tmp_path: Path) -> Path:
    """Shards, and a single file of a later training."""
    write_checkpoint(tmp_path / "model", layers=1, seed=1, shards=2)
    write_checkpoint(tmp_path / "later", layers=1, seed=2, shards=1)
    (tmp_path / "model" / SINGLE).write_bytes((tmp_path / "later" / SINGLE).read_bytes())
    return tmp_path / "model"


def test_a_single_file_beside_shards_is_refused_by_name(two_sets: Path) -> None:
    assert refused(two_sets, BadCheckpoint) == (
        f"FOLDER holds two sets of weights: {SINGLE}, and the 2 files that {INDEX} names."
    )
    (two_sets / FIRST).unlink()
    assert "two sets of weights" in refused(two_sets, BadCheckpoint)


def test_either_set_alone_is_read(two_sets: Path) -> None:
    later = first_weight(two_sets.parent / "later")
    single = (two_sets / SINGLE).read_bytes()
    (two_sets / SINGLE).unlink()
    assert first_weight(two_sets) != later
    (two_sets / SINGLE).write_bytes(single)
    (two_sets / INDEX).unlink()
    assert first_weight(two_sets) == later
    assert f"not read: {FIRST}, " in open_checkpoint(two_sets).said[0]


def test_an_index_whose_files_are_gone_is_passed_over(two_sets: Path) -> None:
    for shard in two_sets.glob("model-*"):
        shard.unlink()
    assert first_weight(two_sets) == first_weight(two_sets.parent / "later")
    assert open_checkpoint(two_sets).said == (
        f"{INDEX} names files that are gone, {SINGLE} is read without it",
    )


def test_an_index_may_name_the_single_file(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, layers=1, shards=1)
    index = {"weight_map": dict.fromkeys(written.weights, SINGLE)}
    (tmp_path / INDEX).write_text(json.dumps(index))
    assert open_checkpoint(tmp_path).said == ()


def test_a_file_that_the_index_does_not_name_is_told(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    (tmp_path / "extra.safetensors").write_bytes((tmp_path / FIRST).read_bytes())
    assert open_checkpoint(tmp_path).said == ("not read: extra.safetensors",)


def test_an_index_of_another_name_is_found_and_hashed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    (tmp_path / INDEX).rename(tmp_path / "gptq_model-4bit.safetensors.index.json")
    before = open_checkpoint(tmp_path).fingerprint()
    path = tmp_path / "gptq_model-4bit.safetensors.index.json"
    path.write_text(path.read_text() + " ")
    assert open_checkpoint(tmp_path).fingerprint() != before


def test_two_indexes_of_other_names_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    content = (tmp_path / INDEX).read_bytes()
    (tmp_path / INDEX).unlink()
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors.index.json").write_bytes(content)
    said = refused(tmp_path, BadCheckpoint)
    assert said.endswith("2 sets of weights: a.safetensors.index.json, b.safetensors.index.json.")


@pytest.mark.parametrize("name", ["model.safetensors", "gemma-tajik.safetensors"])
def test_what_macos_leaves_beside_files_is_no_weights(name: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1, shards=1)
    (tmp_path / SINGLE).rename(tmp_path / name)
    for file in (f"._{name}", f"._{INDEX}", "._config.json"):
        (tmp_path / file).write_bytes(APPLE_DOUBLE)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.said == ()
    assert checkpoint.shards == (tmp_path / name,)


def test_the_size_of_a_checkpoint_is_that_of_its_weights(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    sizes = [path.stat().st_size for path in tmp_path.glob("*.safetensors")]
    assert open_checkpoint(tmp_path).size_bytes == sum(sizes)


def test_the_hash_tells_of_every_byte(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    counted: list[int] = []
    open_checkpoint(tmp_path).fingerprint(counted.append)
    assert sum(counted) == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert np.all(np.array(counted) >= 0)
