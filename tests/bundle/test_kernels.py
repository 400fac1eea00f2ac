"""Our products of quantized numbers for processors below AVX2, in a built bundle, give what ggml's generic
code gives: on this processor, and on an emulated one of the kind that each variant is for.

SORO_BUNDLE names the bundle; SORO_KERNELS a folder with the variants alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.bundle
SCRIPT = Path(__file__).with_name("compare_kernels.py")
EMULATOR = "qemu-x86_64-static"
PROCESSORS = {
    "x64": "Opteron_G3",
    "ssse3": "core2duo",
    "sse42": "Nehalem",
    "sandybridge": "SandyBridge",
    "ivybridge": "IvyBridge",
    "piledriver": "Opteron_G5",
}
"""qemu's names; it ends a program at an instruction that the processor lacks."""


@pytest.fixture(params=PROCESSORS)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def library(variant: str) -> Path:
    bundle = os.environ.get("SORO_BUNDLE")
    folder = os.environ.get("SORO_KERNELS") or (bundle and f"{bundle}/_internal/llama_cpp/lib")
    if not folder:
        pytest.skip("SORO_BUNDLE names no bundle")
    return Path(folder, f"libggml-cpu-{variant}.so").resolve()


def compare(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.stdout == "equal\n", done.stderr[-2000:]


def test_they_give_what_generic_code_gives(library: Path) -> None:
    compare(sys.executable, SCRIPT, library)


@pytest.mark.skipif(not shutil.which(EMULATOR), reason=f"{EMULATOR} is not installed")
def test_they_need_nothing_that_an_older_processor_lacks(variant: str, library: Path) -> None:
    compare(EMULATOR, "-cpu", PROCESSORS[variant], sys.executable, SCRIPT, library)
