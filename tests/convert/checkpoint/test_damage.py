"""Whatever is damaged: opening and reading end in a ConversionError or in finite numbers, in nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convert.checkpoint.checkpoint import open_checkpoint
from convert.checkpoint.formats.stored import read_header
from convert.errors import ConversionError
from tests.convert.checkpoints import write_checkpoint

FILES = ("model.safetensors", "config.json", "generation_config.json")
TELLING = b'0123456789[]{}",:-eEn'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(path, form="packed-asymmetric", layers=1, shards=1)
    yield path


@settings(max_examples=150)
@given(
    name=st.sampled_from(FILES),
    place=st.floats(0, 1, exclude_max=True),
    byte=st.one_of(st.sampled_from(TELLING), st.integers(0, 255)),
)
def test_a_changed_byte_is_no_surprise(folder: Path, name: str, place: float, byte: int) -> None:
    path = folder / name
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little") if name == FILES[0] else len(whole)
    changed = bytearray(whole)
    changed[int(place * header)] = byte
    path.write_bytes(changed)
    try:
        for source in open_checkpoint(folder).tensors.values():
            assert np.isfinite(source.rows(0, 1)).all()
    except ConversionError as error:
        assert str(error).endswith(".")
        assert error.hint
    finally:
        path.write_bytes(whole)


def test_files_of_the_library_itself_are_read(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    tensors: dict[str, NDArray[Any]] = {
        "b": random.normal(size=(5, 7)).astype(np.float32),
        "a": random.normal(size=(3,)).astype(np.float16),
        "c": random.integers(0, 9, (2, 2, 2)).astype(np.int32),
        "d": np.array(4, np.int64),
    }
    safetensors.numpy.save_file(tensors, tmp_path / "file.safetensors", {"format": "np"})
    header = read_header(tmp_path / "file.safetensors")
    assert header.keys() == tensors.keys()
    for name, values in tensors.items():
        np.testing.assert_array_equal(header[name].map(), values, strict=True)
