"""Laws of what the engine's process holds: threads from step to step, and weights in large pages."""

import ctypes
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.engine import model, native, threads
from soro_edge.engine.api import EngineOptions, GenerationRequest, Sampling, Text
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.pages import without
from soro_edge.engine.steps import Steps
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths

pytestmark = [
    pytest.mark.native,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.fixture(autouse=True)
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own threads outlive their end by a moment, and are not counted here."""
    monkeypatch.setattr(Steps, "open", lambda steps: None)


def tasks() -> set[str]:
    return {task.name for task in Path("/proc/self/task").iterdir()}


def test_threads_are_kept_from_token_to_token_and_end_with_the_engine(tiny_model: Path) -> None:
    before = tasks()
    engine = LlamaEngine(EngineOptions(model_path=str(tiny_model), context_tokens=256, threads=2))
    engine.load()
    during = tasks() - before
    assert len(during) == 1, "the other is the one that asks"
    request = GenerationRequest(
        prompt=(Text("Салом"),), sampling=Sampling(temperature=0), max_tokens=8
    )
    for _ in engine.generate(request):
        assert tasks() - before == during
    engine.close()
    assert tasks() == before


@pytest.mark.parametrize("lacking", ["ggml_threadpool_new", "ggml_threadpool_free", "CPU"])
def test_a_library_without_pools_computes_as_well(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    real = native.library

    class Lacking:
        """The library, but for one thing that it does not find."""

        def __init__(self, name: str) -> None:
            self._real = real(name)

        def __getattr__(self, name: str) -> object:
            found = getattr(self._real, name)
            if name not in ("ggml_backend_reg_get_proc_address", "ggml_backend_reg_by_name"):
                return found
            found.restype = ctypes.c_void_p
            if name.endswith("by_name"):
                found.argtypes = [ctypes.c_char_p]
                return Call(lambda wanted: None if wanted == lacking.encode() else found(wanted))
            found.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
            return Call(
                lambda cpu, wanted: None if wanted == lacking.encode() else found(cpu, wanted)
            )

    before = tasks()
    monkeypatch.setattr(threads, "library", Lacking)
    engine = LlamaEngine(EngineOptions(model_path=str(tiny_model), context_tokens=256, threads=2))
    engine.load()
    assert tasks() == before
    request = GenerationRequest(
        prompt=(Text("Салом"),), sampling=Sampling(temperature=0), max_tokens=2
    )
    list(engine.generate(request))
    engine.close()


class Call:
    """A function that may be told its arguments' types."""

    def __init__(self, function: Callable[..., int | None]) -> None:
        self.argtypes = self.restype = None
        self._function = function

    def __call__(self, *words: object) -> int | None:
        return self._function(*words)


def test_what_fails_after_the_threads_were_started_leaves_none(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[int] = []
    real = native.lib.llama_model_free

    def free(one: int) -> None:
        freed.append(one)
        real(one)

    monkeypatch.setattr(native.lib, "llama_model_free", free)

    def fail(*_words: object) -> None:
        assert tasks() > before
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "a name")

    before = tasks()
    monkeypatch.setattr(model, "describe", fail)
    engine = LlamaEngine(EngineOptions(model_path=str(tiny_model), context_tokens=256, threads=2))
    with pytest.raises(UnicodeDecodeError):
        engine.load()
    assert tasks() == before and len(freed) == 1


@pytest.mark.parametrize("after", [0.0, 0.3, 1.0])
def test_what_is_raised_while_loading_comes_out(tiny_model: Path, after: float) -> None:
    """Ctrl-C, above all."""

    def stop(fraction: float) -> None:
        if fraction >= after:
            raise KeyboardInterrupt

    engine = LlamaEngine(EngineOptions(model_path=str(tiny_model)))
    with pytest.raises(KeyboardInterrupt):
        engine.load(stop)
    engine.load()
    engine.close()


PIECES = st.lists(st.integers(0, 40), max_size=12, unique=True).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)


@given(piece=st.tuples(st.integers(0, 20), st.integers(21, 40)), others=PIECES)
def test_what_is_left_of_a_piece_is_what_no_other_has(
    piece: tuple[int, int], others: list[tuple[int, int]]
) -> None:
    taken = {at for start, end in others for at in range(start, end)}
    left = [at for start, end in without(piece, others) for at in range(start, end)]
    assert left == [at for at in range(*piece) if at not in taken]


def asked_for_large_pages(first: int) -> bool:
    """Whether that was done for the memory at this address."""
    smaps = Path("/proc/self/smaps").read_text(encoding="ascii", errors="replace")
    for piece in re.split(r"\n(?=[0-9a-f]+-)", smaps):
        start, end = (int(edge, 16) for edge in piece.split(" ", 1)[0].split("-"))
        if start <= first < end:
            return " hg" in piece
    raise AssertionError(f"nothing lies at {first:x}")


@pytest.mark.skipif(not LARGE_PAGES.exists(), reason="this system has no large pages")
def test_a_threads_stack_stays_in_small_pages(tiny_model: Path) -> None:
    go_on, stack = threading.Event(), list[int]()

    def wait() -> None:
        begin = ctypes.CDLL(None).pthread_self
        begin.restype = ctypes.c_void_p
        stack.append(begin())  # lies at the top of its stack
        started.set()
        go_on.wait()

    started = threading.Event()
    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    engine = LlamaEngine(EngineOptions(model_path=str(tiny_model)))
    engine.load()
    asked = asked_for_large_pages(stack[0])
    engine.close()
    go_on.set()
    thread.join()
    assert not asked


@pytest.mark.skipif(not LARGE_PAGES.exists(), reason="this system has no large pages")
def test_the_weights_lie_where_large_pages_were_asked_for() -> None:
    folder = ModelFolder(paths=find_paths())
    path = folder.file(folder.find("smollm2-135m-instruct"))
    engine = LlamaEngine(EngineOptions(model_path=str(path), threads=1))
    engine.load()
    smaps = Path("/proc/self/smaps").read_text(encoding="ascii", errors="replace")
    engine.close()
    asked_bytes = sum(
        1024 * int(size)
        for size in re.findall(r"Rss: +(\d+) kB(?:\n\w+:.*)*?\nVmFlags:.* hg", smaps)
    )
    assert asked_bytes > 0.95 * path.stat().st_size
