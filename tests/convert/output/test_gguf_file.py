"""The output file appears whole or not at all."""

import os
import subprocess
from pathlib import Path

import pytest

from convert.errors import BadTarget
from convert.output.gguf_file import OutputFile


def test_what_is_not_published_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with pytest.raises(KeyboardInterrupt), OutputFile(path, force=False) as output:
        output.partial.write_bytes(b"half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_is_published_has_its_name_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with OutputFile(path, force=False) as output:
        output.partial.write_bytes(b"whole")
        assert not path.exists()
        output.publish({tmp_path / "model.toml": "name = 1"})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.gguf", "model.toml"]
    assert path.read_bytes() == b"whole"


def test_an_existing_file_stays_without_force(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"old")
    with pytest.raises(BadTarget, match="exists already"):
        OutputFile(path, force=False)
    with OutputFile(path, force=True):
        pass
    assert path.read_bytes() == b"old"


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "model.gguf"):
        with pytest.raises(BadTarget, match="cannot be written"):
            OutputFile(path, force=True)


def test_a_file_beside_it_is_not_replaced_either(tmp_path: Path) -> None:
    beside = tmp_path / "model.toml"
    beside.write_text("old")
    with pytest.raises(BadTarget, match=r"model\.toml exists already"):
        OutputFile(tmp_path / "model.gguf", force=False, beside=(beside,))


def test_what_a_killed_conversion_left_is_removed_by_the_next(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    abandoned = tmp_path / f".model.gguf.{gone.pid}.part"
    others = tmp_path / f".model.gguf.{os.getppid()}.part"
    for partial in (abandoned, others):
        partial.write_bytes(b"half")
    OutputFile(tmp_path / "model.gguf", force=False)
    assert not abandoned.exists() and others.exists()
