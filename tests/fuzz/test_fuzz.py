"""Thousands of damaged and hostile inputs: no uncaught error, no hang, no gigabyte, no message lost.

`uv run pytest -m fuzz`; SORO_FUZZ=0.1 takes a tenth of the inputs, SORO_FUZZ_FIRST=100000 others.
"""

import os
import subprocess
import sys

import pytest

COUNTS = {"gguf": 5000, "header": 3000, "manifest": 100, "template": 60, "history": 1500}


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", COUNTS)
def test_bad_inputs_are_told_in_a_sentence_or_taken(kind: str) -> None:
    count = max(10, int(COUNTS[kind] * float(os.environ.get("SORO_FUZZ", "1"))))
    first = os.environ.get("SORO_FUZZ_FIRST", "0")
    child = [sys.executable, "-m", "tests.fuzz.trials", kind, first, str(count)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
