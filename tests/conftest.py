"""Every test has a home of its own, speaks English and needs no network."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

from soro_edge import locale
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths

# A shell's background job ignores Ctrl-C, and so would every program that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Two busy cores take their time now and then: no law is broken by that.
settings.register_profile("soro", deadline=None)
settings.load_profile("soro")

HEAVY = ("bundle", "harness", "terminal", "weights")
"""Markers of tests that run llama.cpp too, on more than the suite writes itself."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m "not native"` leaves out whatever runs llama.cpp, though it takes the place of the usual `-m`."""
    for item in items:
        if any(item.get_closest_marker(name) for name in HEAVY):
            item.add_marker("native")


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


@pytest.fixture
def known_starter(own_home: Path) -> None:
    """The starter model counts as hashed, which each program would do once for half a second."""
    models = ModelFolder(paths=find_paths())
    models.note_whole(models.find("smollm2-135m-instruct"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Gemma 3 with random weights."""
    from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3

    return write_tiny_gemma3(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture
def protect() -> Iterator[Callable[[Path], None]]:
    """Make a folder one in which nobody can write, root included where that can be had."""
    undo: list[Callable[[], object]] = []

    def shut(folder: Path) -> None:
        if os.geteuid():
            folders = [folder, *(inner for inner in folder.rglob("*") if inner.is_dir())]
            for one in reversed(folders):
                one.chmod(0o555)
            undo.extend(partial(one.chmod, 0o755) for one in reversed(folders))
            return
        bind, lock = ["mount", "--bind", str(folder), str(folder)], "remount,ro,bind"
        if subprocess.run(bind, capture_output=True).returncode:
            pytest.skip("root may write everywhere, and this kernel allows no mount")
        undo.append(lambda: subprocess.run(["umount", "--lazy", str(folder)], check=True))
        subprocess.run(["mount", "-o", lock, str(folder)], check=True)

    yield shut
    for one in reversed(undo):
        one()


@pytest.fixture
def read_only(tmp_path: Path, protect: Callable[[Path], None]) -> Path:
    """A folder that nobody can write to."""
    folder = tmp_path / "read only"
    folder.mkdir()
    protect(folder)
    return folder
