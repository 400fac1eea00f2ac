"""A TOML file that a person edited or a machine spoiled is read whole, or refused in words."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from soro_edge.toml_file import LARGEST_BYTES, TomlUnreadable, read_toml


def sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 30)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "no plain file"),
    "a gigabyte of nothing": (sparse, "larger than 1024 KB"),
    "a letter too many": (lambda path: path.write_bytes(b"#" * (LARGEST_BYTES + 1)), "larger than"),
    "a thousand lists in lists": (
        lambda path: path.write_text(f"a = {'[' * 1000}{']' * 1000}"),
        "nested too deep",
    ),
    "a thousand tables in tables": (
        lambda path: path.write_text(f"a = {'{b = ' * 1000}1{'}' * 1000}"),
        "nested too deep",
    ),
    "bytes of nought": (lambda path: path.write_bytes(b"a = 1\n\0\0\0\0"), "no text"),
    "nothing but noughts": (lambda path: path.write_bytes(bytes(4096)), "no text"),
    "UTF-16": (lambda path: path.write_bytes("a = 1".encode("utf-16")), "not saved as UTF-8"),
    "Windows' Cyrillic": (lambda path: path.write_bytes("a = 'ё'".encode("cp1251")), "UTF-8"),
    "a value left out": (lambda path: path.write_text("a = 1\nb =\nc = 3"), "line 2 is no TOML"),
    "an end cut off": (lambda path: path.write_text('a = "x'), "no TOML"),
    "a name twice": (lambda path: path.write_text("a = 1\na = 2"), "no TOML"),
    "an endless number": (lambda path: path.write_text(f"a = {'9' * 5000}"), "no TOML"),
    "a day that is none": (lambda path: path.write_text("a = 2026-02-31"), "no TOML"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_file_is_refused_in_a_few_words(tmp_path: Path, name: str) -> None:
    spoil, told = SPOILED[name]
    spoil(tmp_path / "x.toml")
    with pytest.raises(TomlUnreadable, match=told):
        read_toml(tmp_path / "x.toml")


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
@pytest.mark.parametrize("kind", ["fifo", "device", "link to itself"])
def test_what_would_be_waited_for_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.toml"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    with pytest.raises(TomlUnreadable):
        read_toml(path)


def test_a_byte_order_mark_and_windows_line_ends_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b'\xef\xbb\xbfa = "x"\r\n[b]\r\nc = 1\r\n')
    assert read_toml(tmp_path / "x.toml") == {"a": "x", "b": {"c": 1}}


def test_a_missing_file_is_told_apart_from_a_bad_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link.toml").symlink_to(tmp_path / "nowhere")
    for path in ("x.toml", "folder/x.toml", "file/x.toml", "link.toml"):
        with pytest.raises(FileNotFoundError):
            read_toml(tmp_path / path)
