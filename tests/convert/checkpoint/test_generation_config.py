"""What a checkpoint says of its sampling reaches the manifest; what it does not say is the tutor's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from convert.checkpoint.generation_config import (
    Sampling,
    ends_turns,
    read_generation_config,
    sampling,
)
from convert.errors import BadCheckpoint

OURS = {"temperature": 0.5, "top_k": 64, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.1}


def _write(folder: Path, **members: Any) -> Path:
    (folder / "generation_config.json").write_text(json.dumps(members), encoding="utf-8")
    return folder


def test_without_the_file_everything_is_the_tutors_own(tmp_path: Path) -> None:
    assert sampling(read_generation_config(tmp_path)) == Sampling(values=OURS, remarks=())


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"temperature": 0.8}, {"temperature": 0.8}),
        ({"top_k": -1}, {"top_k": 0}),  # vLLM's word for no limit
        ({"top_k": 0}, {"top_k": 0}),
        ({"top_k": 1 << 40}, {"top_k": 0}),
        ({"top_k": 20, "top_p": 0.9}, {"top_k": 20, "top_p": 0.9}),
        ({"repetition_penalty": 1.2}, {"repeat_penalty": 1.2}),
        ({"min_p": 0.1}, {"min_p": 0.1}),
        ({"do_sample": False, "temperature": 0.8}, {"temperature": 0.0}),
        ({"temperature": None}, {}),
    ],
)
def test_what_is_said_is_taken_over(
    said: dict[str, Any], found: dict[str, Any], tmp_path: Path
) -> None:
    read = sampling(read_generation_config(_write(tmp_path, **said)))
    assert (read.values, read.remarks) == (OURS | found, ())


@pytest.mark.parametrize(
    "said",
    [{"top_p": 1.5}, {"temperature": -1}, {"min_p": 2}, {"repetition_penalty": 0}],
)
def test_a_number_out_of_all_bounds_is_told_and_ours_is_written(
    said: dict[str, Any], tmp_path: Path
) -> None:
    read = sampling(read_generation_config(_write(tmp_path, **said)))
    assert read.values == OURS
    (remark,) = read.remarks
    assert next(iter(said)) in remark and "makes no sense" in remark


@pytest.mark.parametrize("said", [{"temperature": "warm"}, {"top_k": -2}, {"do_sample": 1}])
def test_what_makes_no_sense_is_named(said: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=next(iter(said))):
        sampling(read_generation_config(_write(tmp_path, **said)))


@pytest.mark.parametrize(
    ("said", "ends"),
    [({}, True), ({"eos_token_id": [1, 106]}, True), ({"eos_token_id": 1}, False)],
)
def test_whether_an_answer_ends_with_its_turn(
    said: dict[str, Any], ends: bool, tmp_path: Path
) -> None:
    assert ends_turns(read_generation_config(_write(tmp_path, **said)), 106) == ends
