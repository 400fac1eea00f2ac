"""A manifest is believed only when it is signed, and even then nothing in it leads elsewhere."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import pwhash

from soro_edge.stick.errors import (
    BadSignature,
    BadStick,
    KeyExists,
    KeyUnusable,
    NoStick,
    StickUnreadable,
    WrongPassphrase,
)
from soro_edge.stick.manifest import read_manifest
from soro_edge.stick.names import colliding, path_fault
from soro_edge.stick.reading import open_stick
from soro_edge.stick.signing import check_signature, is_sealed, make_key, sign, write_signature
from tests.stick.conftest import MakeStick, resign

Change = Callable[[dict[str, Any]], object]


def first_linux_file(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["files"] if one["group"] == "linux")
    return found


BAD: dict[str, Change] = {
    "leads up": lambda d: first_linux_file(d).update(path="soro/linux/../../../.bashrc"),
    "absolute": lambda d: first_linux_file(d).update(path="/etc/passwd"),
    "another group's place": lambda d: first_linux_file(d).update(path="soro/windows/soro/x"),
    "only the place": lambda d: first_linux_file(d).update(path="soro/linux/"),
    "a drive": lambda d: first_linux_file(d).update(path="soro/linux/C:/x"),
    "a backslash": lambda d: first_linux_file(d).update(path="soro/linux/a\\..\\x"),
    "a device": lambda d: first_linux_file(d).update(path="soro/linux/soro/aux.txt"),
    "no path": lambda d: first_linux_file(d).update(path=7),
    "a negative size": lambda d: first_linux_file(d).update(size_bytes=-1),
    "an enormous size": lambda d: first_linux_file(d).update(size_bytes=1 << 80),
    "a truth as size": lambda d: first_linux_file(d).update(size_bytes=True),
    "4 GiB in one file": lambda d: first_linux_file(d).update(size_bytes=1 << 32),
    "no hash": lambda d: first_linux_file(d).update(sha256="0" * 63),
    "an unknown group": lambda d: first_linux_file(d).update(group="mac"),
    "a file twice": lambda d: d["files"].append(dict(first_linux_file(d))),
    "a file twice, in capitals": lambda d: d["files"].append(
        first_linux_file(d) | {"path": first_linux_file(d)["path"][:-1] + "N"}
    ),
    "a file that is a folder": lambda d: d["files"].append(
        first_linux_file(d) | {"path": first_linux_file(d)["path"] + "/x"}
    ),
    "parts that are not the whole": lambda d: first_linux_file(d).update(
        split=[{"path": "soro/linux/soro/p", "size_bytes": 1, "sha256": "0" * 64}]
    ),
    "an unknown model": lambda d: first_linux_file(d).update(model="nobody"),
    "a version that is a path": lambda d: d.update(version="../1.0"),
    "no release": lambda d: d.pop("release"),
    "a newer format": lambda d: d.update(format=2),
    "files are no list": lambda d: d.update(files={}),
}


@pytest.mark.parametrize("what", BAD)
def test_a_signed_manifest_with_nonsense_is_refused(make: MakeStick, key: Path, what: str) -> None:
    root = make()

    def change(document: dict[str, Any]) -> None:
        if what.startswith("a file twice, in"):
            first_linux_file(document)["path"] += "n"
        BAD[what](document)

    resign(root, change, key)
    with pytest.raises(BadStick):
        open_stick(root)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_a_manifest_or_a_bad_stick(data: bytes) -> None:
    with pytest.raises(BadStick):
        read_manifest(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["format", "files", "models", "version", "release"]), inner
            )
        ),
    )
)
def test_any_json_is_a_manifest_or_a_bad_stick(document: object) -> None:
    with suppress(BadStick):
        read_manifest(json.dumps(document).encode())


def test_a_deep_json_is_a_bad_stick() -> None:
    with pytest.raises(BadStick):
        read_manifest(b"[" * 100_000)


def test_unsigned_changed_or_cut_is_refused(make: MakeStick, tmp_path: Path) -> None:
    root = make()
    manifest, signature = root / "soro" / "manifest.json", root / "soro" / "manifest.sig"
    signed, words = manifest.read_bytes(), signature.read_bytes()
    manifest.write_bytes(signed.replace(b"Model small", b"Model Small"))
    with pytest.raises(BadSignature):
        open_stick(root)
    manifest.write_bytes(signed)
    for bad in (b"", b"\xff\n", words[:-3], words.replace(b"\n", b" 00 "), b"0" * 5000, words * 2):
        signature.write_bytes(bad)
        with pytest.raises((BadSignature, StickUnreadable)):
            open_stick(root)
    signature.unlink()
    with pytest.raises(BadSignature):
        open_stick(root)
    with pytest.raises(NoStick):
        open_stick(tmp_path / "nowhere")


def test_a_signature_is_for_one_text_one_key_and_this_purpose(tmp_path: Path, key: Path) -> None:
    written = write_signature(sign(b"text", key, ""))
    assert check_signature(b"text", written) == json.loads(key.read_text())["public"]
    for other in (b"Text", b"", b"soro stick manifest 1\ntext"):
        with pytest.raises(BadSignature):
            check_signature(other, written)
    make_key(tmp_path / "other.key", "")
    theirs = write_signature(sign(b"text", tmp_path / "other.key", ""))
    mixed = theirs.split()[0] + b"\n" + written.split()[1]
    with pytest.raises(BadSignature):
        check_signature(b"text", mixed)


def test_a_sealed_key_opens_with_its_passphrase_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As hard as it can be made easy: the suite need not wait for it.
    monkeypatch.setattr(pwhash.argon2id, "OPSLIMIT_MODERATE", pwhash.argon2id.OPSLIMIT_MIN)
    monkeypatch.setattr(pwhash.argon2id, "MEMLIMIT_MODERATE", pwhash.argon2id.MEMLIMIT_MIN)
    file = tmp_path / "sealed.key"
    public = make_key(file, "Душанбе")
    assert is_sealed(file) and "secret" not in json.loads(file.read_text())
    assert file.stat().st_mode & 0o077 == 0
    assert sign(b"", file, "Душанбе").key == public
    for wrong in ("", "душанбе"):
        with pytest.raises(WrongPassphrase):
            sign(b"", file, wrong)
    with pytest.raises(KeyExists):
        make_key(file, "")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"secret": "xy"}', '{"secret": "00"}', '{"secret": 7}']
)
def test_a_damaged_key_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.key"
    file.write_text(text)
    with pytest.raises(KeyUnusable):
        is_sealed(file)
        sign(b"", file, "")
    with pytest.raises(KeyUnusable):
        sign(b"", tmp_path / "none", "")


@pytest.mark.parametrize(
    "path", ["soro/a b.txt", "Ғафуров/ҷӯ.bin", "a" * 100 + "/x", ".hidden/x", "com0"]
)
def test_names_that_fat32_holds(path: str) -> None:
    assert path_fault(path) == ""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "a/..",
        "a:b",
        "a?",
        "a|b",
        'a"',
        "a.",
        "a ",
        "nul",
        "COM1.dll",
        "lpt¹",
        "a\nb",
        "a\x7f",
        "x" * 181,
        "\ud800",
    ],
)
def test_names_that_it_does_not_hold(path: str) -> None:
    assert path_fault(path)


def test_names_that_are_one_on_fat32() -> None:
    assert colliding(["a/b", "a/c", "d"]) is None
    assert colliding(["a/b", "a/B"])
    assert colliding(["A/b", "a/c"])
    assert colliding(["a", "a/b"])
    assert colliding(["a/b", "a"])
    assert colliding(["\u0439", "\u0438\u0306"]), "й composed and not"
