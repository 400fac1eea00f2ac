"""The rooms and who may enter them: read from the code and from fresh interpreters."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "soro_edge"
RANK = {
    "locale": 0,
    "learning": 0,
    "html_page": 0,
    "errors": 1,
    "model_errors": 2,
    "files": 1,
    "paths": 2,
    "settings": 3,
    "gguf_header": 3,
    "engine": 3,
    "manifest": 4,
    "memory": 4,
    "models": 5,
    "chat": 5,
    "model_adding": 6,
    "testing": 6,
    "history": 6,
    "stick": 7,
    "tui": 7,
    "bench": 7,
    "evaluation": 7,
    "commands": 8,
    "cli": 9,
    "frozen": 10,
}
"""A room imports rooms of a lower rank, and itself."""
FORBIDDEN = {("chat", "history"), ("tui", "history"), ("history", "testing"), ("history", "models")}
ONLY_IN = {
    "textual": ("tui/",),
    "llama_cpp": ("engine/native.py",),
    "convert": ("commands/convert.py",),
    "gguf": ("testing/",),
    "numpy": ("testing/", "evaluation/"),
    "nacl": ("stick/signing.py",),
}


def imports() -> list[tuple[str, str]]:
    """Pairs of (file, module imported), for every import statement of the runtime."""
    found = []
    for file in ROOT.rglob("*.py"):
        name = file.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(name, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.append((name, node.module))
    return found


def room_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def test_rooms_import_only_lower_rooms() -> None:
    wrong = []
    for file, module in imports():
        if not module.startswith("soro_edge."):
            continue
        ours, theirs = room_of(file), module.split(".")[1]
        if ours != theirs and (RANK[theirs] >= RANK[ours] or (ours, theirs) in FORBIDDEN):
            wrong.append(f"{file} imports {module}")
    assert not wrong


@pytest.mark.parametrize("package", ONLY_IN)
def test_packages_stay_in_their_rooms(package: str) -> None:
    users = {file for file, module in imports() if module.split(".")[0] == package}
    assert not [file for file in users if not file.startswith(ONLY_IN[package])]


@pytest.mark.parametrize(
    "module", ["soro_edge.tui.app", "soro_edge.commands.ask", "soro_edge.commands.tutor"]
)
def test_the_screens_process_imports_no_native_code(module: str) -> None:
    native = "{'numpy', 'llama_cpp', 'gguf', 'jinja2'}"
    code = f"import sys, {module}; print(sorted({native} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
