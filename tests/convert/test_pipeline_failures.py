"""A conversion that cannot be ended: nothing is left, an existing file stays, one sentence says why."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from convert import pipeline
from convert.errors import BadCheckpoint, BadTarget, ConversionError, VerificationFailed
from tests.convert.checkpoints import (
    WrittenCheckpoint,
)
from tests.convert.conversions import TOKENS_IN_TEXT, convert_tiny, files

pytestmark = [pytest.mark.native, pytest.mark.usefixtures("short_texts")]


class Nobody(BaseException):
    """Raised where no code expects it."""


def test_an_existing_output_is_left_alone(small: WrittenCheckpoint, output: Path) -> None:
    output.write_bytes(b"mine")
    with pytest.raises(BadTarget, match="exists already"):
        convert_tiny(small.folder, output)
    assert files(output.parent) == ["model.gguf"]
    assert output.read_bytes() == b"mine"


def test_with_force_an_existing_output_is_replaced_at_the_end_only(
    small: WrittenCheckpoint, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.write_bytes(b"mine")
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "answer_of", _failing(VerificationFailed("wrong", "hint")))
        with pytest.raises(VerificationFailed):
            convert_tiny(small.folder, output, force=True)
    assert output.read_bytes() == b"mine"
    report = convert_tiny(small.folder, output, force=True)
    assert report.sha256 == hashlib.sha256(output.read_bytes()).hexdigest()


@pytest.mark.parametrize("error", [VerificationFailed("wrong", "hint"), Nobody()], ids=repr)
@pytest.mark.parametrize(
    "step", ["tensor_errors", "answer_of", "sha256_of", "manifest_text", "write_metadata"]
)
def test_an_error_in_any_step_leaves_nothing(
    step: str,
    error: BaseException,
    small: WrittenCheckpoint,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, step, _failing(error))
    with pytest.raises(type(error)):
        convert_tiny(small.folder, output)
    assert files(output.parent) == []


class Interrupting:
    """Ctrl-C when something begins, or in its midst."""

    def __init__(self, at: str, *, amid: bool) -> None:
        self._at, self._amid = at, amid
        self._doing = ""

    def begin(self, what: str, total: float) -> None:
        self._doing = what
        if what.endswith(self._at) and not self._amid:
            raise KeyboardInterrupt

    def advance(self, amount: float) -> None:
        if self._doing.endswith(self._at):
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("step", "amid"),
    [
        ("planning the vocabulary", False),
        ("rounding layer by layer", False),
        ("rounding layer by layer", True),
        ("comparing every tensor", False),
        ("comparing every tensor", True),
        ("hashing, and a first answer", False),
        ("hashing, and a first answer", True),
    ],
)
def test_ctrl_c_leaves_nothing(
    step: str, amid: bool, small: WrittenCheckpoint, tajik: Path, output: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        convert_tiny(
            small.folder,
            output,
            calibration=tajik,
            calibration_tokens=TOKENS_IN_TEXT,
            progress=Interrupting(step, amid=amid),
        )
    assert files(output.parent) == []


def test_a_disk_that_fills_up_is_named(
    small: WrittenCheckpoint, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, "fsync", _failing(full))
    with pytest.raises(BadTarget, match="could not be written: No space left"):
        convert_tiny(small.folder, output)
    assert files(output.parent) == []


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    small: WrittenCheckpoint, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(output.parent)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(os, "fsync", _failing(Nobody()))
    with pytest.raises(BadTarget, match=r"too small: \d MB are needed, 1 MB are free"):
        convert_tiny(small.folder, output)
    assert files(output.parent) == []


def test_a_missing_folder_is_refused(small: WrittenCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(BadTarget, match="no such folder"):
        convert_tiny(small.folder, tmp_path / "nowhere" / "model.gguf")
    (tmp_path / "model.gguf").mkdir()
    with pytest.raises(BadTarget, match="is a folder"):
        convert_tiny(small.folder, tmp_path / "model.gguf", force=True)


@pytest.mark.parametrize("content", ["кӯтоҳ", b"\xff\xfe\xff"], ids=["short", "no UTF-8"])
def test_a_useless_calibration_text_is_refused(
    content: str | bytes, small: WrittenCheckpoint, tmp_path: Path, output: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BadCheckpoint, match="calibration text"):
        convert_tiny(small.folder, output, calibration=text)
    assert files(output.parent) == []


def test_a_checkpoint_that_is_missing_is_refused(tmp_path: Path, output: Path) -> None:
    with pytest.raises(ConversionError):
        convert_tiny(tmp_path / "nothing", output)
    assert files(output.parent) == []


def _failing(error: BaseException) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise error

    return fail
