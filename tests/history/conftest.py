"""One history in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from soro_edge.history.store import History


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profiles" / "Фарзона" / "history.sqlite3"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    with History.open(path, busy_seconds=0.05) as opened:
        yield opened
