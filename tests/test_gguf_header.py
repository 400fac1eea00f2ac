"""A header comes from anywhere: whatever its numbers say, it is read or refused in one sentence, at once."""

import os
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soro_edge.engine.api import EngineOptions
from soro_edge.gguf_header import read_header
from soro_edge.memory import plan_memory
from soro_edge.model_errors import (
    BigEndianModel,
    FolderNotModel,
    ModelCutShort,
    ModelError,
    ModelHeadDamaged,
    ModelNotReadable,
    NotAModel,
    UnknownBlockType,
    UnknownGgufVersion,
)
from soro_edge.models import manifest_from_header
from tests.gguf_bytes import array, gguf, number, string, tensor, text


def written(folder: Path, content: bytes) -> Path:
    file = folder / "m.gguf"
    file.write_bytes(content)
    return file


LAMA = text("general.architecture", "llama")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0) + bytes(99), BigEndianModel),
        (gguf(version=0), UnknownGgufVersion),
        (gguf(version=1), UnknownGgufVersion),
        (gguf(version=4), UnknownGgufVersion),
        (gguf(version=99), UnknownGgufVersion),
        (gguf(counts=(2**64 - 1, 0)), ModelHeadDamaged),
        (gguf(counts=(0, 2**63)), ModelHeadDamaged),
        (gguf(tensors=[tensor("a", [1] * 5)]), ModelHeadDamaged),
        (gguf(tensors=[string("a") + struct.pack("<I", 300_000)]), ModelHeadDamaged),
        (gguf(tensors=[tensor("a", [2**63, 2**63])]), ModelHeadDamaged),
        (gguf(tensors=[tensor("a", [2**32])]), ModelCutShort),
        (gguf(tensors=[tensor("a", offset=2**63)]), ModelHeadDamaged),
        (gguf(tensors=[tensor("a", kind=77)]), UnknownBlockType),
        (gguf(number("general.alignment", 0)), ModelHeadDamaged),
        (gguf(number("general.alignment", 24)), ModelHeadDamaged),
        (gguf(number("general.alignment", 2**31)), ModelHeadDamaged),
        (gguf(text("general.alignment", "32")), ModelHeadDamaged),
        (gguf(array("a", 9, 3)), ModelHeadDamaged),
        (gguf(array("a", 13, 3)), ModelHeadDamaged),
        (gguf(array("a", 8, 2**28)), ModelHeadDamaged),
        (gguf(array("a", 8, 2**63)), ModelHeadDamaged),
        (gguf(array("a", 0, 2**63)), ModelCutShort),
        (gguf(string("a") + struct.pack("<IQ", 8, 250_000_000)), ModelHeadDamaged),
        (gguf(struct.pack("<Q", 2**62)), ModelHeadDamaged),
        (gguf(string("a") + struct.pack("<I", 99)), ModelHeadDamaged),
        (gguf(counts=(0, 1), data=b""), ModelCutShort),
        (b"GGUF", ModelCutShort),
        (b"", NotAModel),
    ],
)
def test_impossible_headers_are_refused(
    tmp_path: Path, content: bytes, error: type[ModelError]
) -> None:
    with pytest.raises(error) as caught:
        read_header(written(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_many_empty_strings_in_a_sparse_file_cost_no_time(tmp_path: Path) -> None:
    file = written(tmp_path, gguf(*(array(f"a{n}", 8, 2**20) for n in range(4)), data=b""))
    os.truncate(file, 1 << 32)
    with pytest.raises(ModelHeadDamaged):
        read_header(file)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would never answer."""
    for name, make in (("pipe", os.mkfifo), ("folder", Path.mkdir)):
        path = tmp_path / name
        make(path)
        with pytest.raises((NotAModel, FolderNotModel)):
            read_header(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(NotAModel):
            read_header(tmp_path / "s")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ModelNotReadable):
        read_header(tmp_path / "loop")


@pytest.mark.parametrize(
    "pair",
    [
        text("llama.context_length", "32k"),
        number("llama.context_length", 0),
        number("llama.context_length", 2**64 - 1, kind=10, form="Q"),
        number("llama.context_length", -1, kind=5, form="i"),
        number("llama.context_length", 1, kind=7, form="?"),
        string("llama.context_length") + struct.pack("<If", 6, float("nan")),
        string("llama.context_length") + struct.pack("<If", 6, float("inf")),
        number("general.name", 7),
        text("general.architecture", b"\xff\xfe"),
        number("general.architecture", 7),
    ],
)
def test_metadata_of_a_strange_type_or_size_is_as_good_as_none(tmp_path: Path, pair: bytes) -> None:
    file = written(tmp_path, gguf(LAMA, pair, tensors=[tensor("token_embd.weight")]))
    header = read_header(file)
    assert manifest_from_header(file, header).context_tokens == 2048
    assert plan_memory(header, EngineOptions(model_path="")).total_bytes > 0


def test_the_largest_value_of_an_array_counts(tmp_path: Path) -> None:
    layers = array("llama.feed_forward_length", 4, 3, struct.pack("<3I", 10, 99, 20))
    header = read_header(written(tmp_path, gguf(LAMA, layers)))
    assert header.number("llama.feed_forward_length") == 99


def test_long_strings_are_passed_over(tmp_path: Path) -> None:
    header = read_header(written(tmp_path, gguf(text("a", "x" * (2 << 20)), text("b", "y"))))
    assert header.metadata == {"b": "y"}


WHOLE = gguf(
    LAMA,
    number("llama.context_length", 512),
    array("tokens", 8, 3, string("a") * 3),
    array("scores", 6, 3, bytes(12)),
    tensors=[tensor("token_embd.weight", (4, 3)), tensor("b", (4,), offset=64)],
)


@settings(max_examples=300)
@given(
    changes=st.lists(st.tuples(st.integers(4, 320), st.binary(min_size=1, max_size=8)), min_size=1),
    length=st.integers(0, len(WHOLE)),
)
def test_no_damage_ends_in_anything_but_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]], length: int
) -> None:
    content = bytearray(WHOLE)
    for at, data in changes:
        content[at : at + len(data)] = data
    file = written(tmp_path_factory.mktemp("damaged"), bytes(content[:length]))
    try:
        header = read_header(file)
        manifest_from_header(file, header)
        plan_memory(header, EngineOptions(model_path=""))
    except ModelError as error:
        assert "\n" not in str(error)
