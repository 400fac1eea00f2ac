"""Who may import whom: the contracts in pyproject.toml, and what fresh interpreters really load."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_the_contracts_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(PYPROJECT), no_cache=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "module", ["soro_edge.tui.app", "soro_edge.commands.ask", "soro_edge.commands.tutor"]
)
def test_the_screens_process_imports_no_native_code(module: str) -> None:
    native = "{'numpy', 'llama_cpp', 'gguf', 'jinja2'}"
    code = f"import sys, {module}; print(sorted({native} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
