"""A checkpoint that must be refused, and what is said of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from convert.checkpoint.checkpoint import open_checkpoint
from convert.errors import ConversionError

QUERIES = "model.layers.0.self_attn.q_proj"
INDEX = "model.safetensors.index.json"
FIRST = "model-00001-of-00002.safetensors"


def refused(folder: Path, error: type[ConversionError]) -> str:
    """What is said when the folder is opened."""
    with pytest.raises(error) as caught:
        open_checkpoint(folder)
    assert type(caught.value) is error
    assert caught.value.hint.endswith((".", "pull"))
    return str(caught.value).replace(str(folder), "FOLDER")


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
