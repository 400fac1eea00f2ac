"""Every test has a home of its own, speaks English and needs no network."""

from pathlib import Path

import pytest

from soro_edge import locale


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SORO_HOME in a folder of this test."""
    home = tmp_path / "soro home"
    monkeypatch.setenv("SORO_HOME", str(home))
    monkeypatch.setenv("SORO_LANGUAGE", "en")
    # Several threads wait for each other: on a busy machine one is far faster.
    monkeypatch.setenv("SORO_THREADS", "1")
    locale.use("en")
    return home


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Gemma 3 with random weights."""
    from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3

    return write_tiny_gemma3(tmp_path_factory.mktemp("models") / "tiny.gguf")
