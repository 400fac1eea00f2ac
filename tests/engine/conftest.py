"""What the engine's tests share."""

from pathlib import Path

import pytest

from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3


@pytest.fixture(scope="session")
def long_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with room for prompts far longer than what its window layers hold (256)."""
    path = tmp_path_factory.mktemp("reuse") / "tiny.gguf"
    return write_tiny_gemma3(path, context_tokens=1024)
