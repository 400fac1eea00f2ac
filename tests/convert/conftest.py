"""What the converter's tests share."""

import os
from functools import partial
from pathlib import Path

import pytest

from convert import pipeline
from convert.calibrate.calibration_data import DEFAULT_TEXT, tokenized_texts
from tests.convert.checkpoints import WrittenCheckpoint, write_checkpoint
from tests.convert.conversions import TOKENS_IN_TEXT


@pytest.fixture(scope="session")
def real_checkpoint() -> Path:
    """The folder that tests/real_weights.py wrote."""
    folder = os.environ.get("SORO_GEMMA_CHECKPOINT")
    if not folder:
        pytest.skip("SORO_GEMMA_CHECKPOINT names no folder (tests/real_weights.py makes one)")
    return Path(folder)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp's threads wait for each other: on a busy machine one is far faster."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


@pytest.fixture
def short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibration on texts of few tokens."""
    shorter = partial(tokenized_texts, tokens_in_text=TOKENS_IN_TEXT)
    monkeypatch.setattr(pipeline, "tokenized_texts", shorter)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> WrittenCheckpoint:
    """One layer."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "gemma-small", layers=1)


@pytest.fixture(scope="session")
def tajik(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "tajik.txt"
    lines = DEFAULT_TEXT.read_text(encoding="utf-8").splitlines()[:60]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "model.gguf"
