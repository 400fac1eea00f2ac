"""The quick writer writes what the GGUF package's own writes, to the last byte."""

from pathlib import Path

import gguf
import pytest

from convert.native.gguf_writer import Writer

LISTS = {
    "texts": ["", "a", "ҷ" * 300, "\0", "😀"],
    "tuple": ("▁Тоҷикистон", "<0x00>"),
    "scores": [0.0, -1000.0, 1 / 3],
    "kinds": [1, -2, 6],
    "flags": [True, False],
    "of lists": [[1, 2], [3]],
    "bytes": b"\x01\x02",
}


@pytest.mark.parametrize("name", LISTS)
def test_the_same_bytes(name: str, tmp_path: Path) -> None:
    written = []
    for kind in (gguf.GGUFWriter, Writer):
        path = tmp_path / kind.__name__
        writer = kind(path, "gemma3")
        writer.add_array("of.members", LISTS[name])
        writer.add_name("Соро")
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_mixed_members_are_refused_as_ever(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "mixed.gguf", "gemma3")
    writer.add_array("of.members", ["a", 1])
    writer.write_header_to_file()
    with pytest.raises(ValueError, match="same type"):
        writer.write_kv_data_to_file()
    writer.close()
