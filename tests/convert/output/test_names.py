"""Names of files and models that other programs cannot take are refused before anything is done."""

from pathlib import Path

import pytest

from convert.errors import BadTarget
from convert.output.names import (
    manifest_path,
    plain,
    report_path,
    require_output_name,
    require_plain_texts,
)
from tests.convert.conversions import convert_tiny


@pytest.mark.parametrize(
    "name", ["model.gguf", "soro-v1.2.gguf", "сӯҳбат.gguf", "Model 1.GGUF", ".hidden.gguf"]
)
def test_a_name_that_ends_in_gguf_is_good(name: str) -> None:
    require_output_name(Path(name))


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("model.toml", "model.gguf"),
        ("model.report.json", "model.report.gguf"),
        ("soro-v1.2", "soro-v1.2.gguf"),
        ("model", "model.gguf"),
        (".gguf", ".gguf.gguf"),
        ("model.gguf.part", "model.gguf.part.gguf"),
    ],
)
def test_a_name_that_does_not_is_refused_with_a_better_one(name: str, better: str) -> None:
    with pytest.raises(BadTarget, match=r"does not end in \.gguf") as caught:
        require_output_name(Path(name))
    assert better in caught.value.hint


@pytest.mark.parametrize(
    "name",
    ["gemma3:270m.gguf", "a\nb.gguf", "a\\b.gguf", "a*.gguf", "a\x1b[2J.gguf", "a\udcff.gguf"],
)
def test_a_name_that_a_stick_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadTarget, match="stick cannot hold it") as caught:
        require_output_name(Path(name))
    assert str(caught.value).isascii()


def test_a_name_that_is_too_long_is_refused() -> None:
    require_output_name(Path("ӯ" * 97 + ".gguf"))
    with pytest.raises(BadTarget, match="too long"):
        require_output_name(Path("ӯ" * 98 + ".gguf"))


def test_versions_in_a_name_have_a_manifest_each() -> None:
    paths = {
        path(Path(f"soro-v1.{version}.gguf")).name
        for version in (2, 3)
        for path in (manifest_path, report_path)
    }
    assert paths == {
        "soro-v1.2.toml", "soro-v1.3.toml", "soro-v1.2.report.json", "soro-v1.3.report.json"
    }  # fmt: skip


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[2J", "a" * 201, "\u202ereversed"])
def test_a_title_or_licence_that_no_manifest_may_hold_is_refused(text: str) -> None:
    require_plain_texts(("Соро 270M", "gemma"))
    with pytest.raises(BadTarget, match="cannot be a name or a licence"):
        require_plain_texts((text,))
    assert len(plain(text)) <= 200 and plain(text).isprintable()


@pytest.mark.parametrize("name", ["model.toml", "soro-v1.2", "a:b.gguf"])
def test_nothing_is_read_or_written_for_such_a_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadTarget):
        convert_tiny(tmp_path / "no checkpoint", tmp_path / name, force=True)
    assert not list(tmp_path.iterdir())
