"""The screen's process stays small: what importing the tutor brings in, read from a fresh interpreter."""

import subprocess
import sys


def test_the_tutor_brings_in_no_native_code_and_no_database() -> None:
    heavy = "{'numpy', 'llama_cpp', 'sqlite3', 'jinja2', 'soro_edge.history'}"
    code = f"import sys, soro_edge.tui.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
