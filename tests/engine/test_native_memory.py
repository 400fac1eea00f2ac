"""Laws of what the engine's process holds: threads from step to step, and weights in large pages."""

import re
import sys
from pathlib import Path

import pytest

from soro_edge.engine.api import EngineOptions, GenerationRequest, Sampling, Text
from soro_edge.engine.llama import LlamaEngine
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths

pytestmark = [
    pytest.mark.native,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


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
