"""What the suite promises to those who run it."""

import subprocess
import sys
from pathlib import Path

from hypothesis import settings

TESTS = Path(__file__).parent


def test_no_law_has_a_deadline_of_its_own() -> None:
    """One profile in conftest.py: a busy machine breaks no law."""
    assert settings().deadline is None
    texts = {file.name: file.read_text(encoding="utf-8") for file in TESTS.rglob("test_*.py")}
    own = "deadline" + "="
    assert not [name for name, text in texts.items() if own in text]


def test_not_native_leaves_out_whatever_is_heavy() -> None:
    """`-m` on the command line takes the place of the one in pyproject.toml."""
    heavy = (
        "bundle/test_bundle.py",
        "convert/test_real_checkpoint.py",
        "convert/vocabulary/test_trim_on_real_gemma.py",
        "engine/test_reuse_real.py",
        "evaluation/test_harness.py",
        "test_whole_program.py",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-m",
        "not native",
        "--collect-only",
        "-qq",
    ]
    done = subprocess.run(
        [*command, *(str(TESTS / name) for name in heavy)], capture_output=True, text=True
    )
    assert done.returncode == 5 and "::" not in done.stdout, done.stdout
