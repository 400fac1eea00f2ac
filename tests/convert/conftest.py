"""What the converter's tests share."""

import os
from pathlib import Path

import pytest


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
