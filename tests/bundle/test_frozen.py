"""What a bundle rests on, tried from the checkout: the recipe, the program's children, the variants."""

import ctypes
import importlib
import importlib.util
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from soro_edge import __version__, frozen
from soro_edge.commands.doctor import engine_line
from soro_edge.engine import variants
from soro_edge.engine.api import EngineOptions
from soro_edge.engine.client import WORKER_COMMAND, EngineProcess

ROOT = Path(__file__).parents[2]
MAKERS = ROOT / "soro_edge/evaluation"
"""The maker's room: no bundle has it."""


def files_of_the_bundle(pattern: str) -> list[Path]:
    found = (ROOT / "soro_edge").rglob(pattern)
    return [file for file in found if file.is_file() and not file.is_relative_to(MAKERS)]


def test_every_child_that_the_program_starts_is_known_to_the_bundle() -> None:
    started = set()
    for file in files_of_the_bundle("*.py"):
        started |= set(re.findall(r'"-m",\s*"([\w.]+)"', file.read_text(encoding="utf-8")))
    # The program itself is started as it is.
    assert started - {"soro_edge.cli"} == set(frozen.CHILDREN)
    assert all(callable(importlib.import_module(name).main) for name in frozen.CHILDREN)


@pytest.mark.native
def test_the_worker_starts_as_the_bundles_own_child(tiny_model: Path, tmp_path: Path) -> None:
    command = (sys.executable, str(ROOT / "packaging/entry.py"), *WORKER_COMMAND[1:])
    options = EngineOptions(model_path=str(tiny_model))
    engine = EngineProcess(options, log_file=tmp_path / "engine.log", command=command)
    try:
        assert engine.load().architecture == "gemma3"
    finally:
        engine.close()


def test_other_modules_are_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    double = types.SimpleNamespace(main=lambda: called.append(tuple(sys.argv[1:])))
    monkeypatch.setattr(importlib, "import_module", lambda name: {"soro_edge.cli": double}[name])
    monkeypatch.setattr(sys, "argv", ["soro", "-m", "this"])
    frozen.main()
    assert called == [("-m", "this")]


class Recipe:
    """The spec run with doubles of PyInstaller's classes: what it would collect."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path = ROOT
    ) -> None:
        libraries, hooks = folder / "libraries", types.ModuleType("PyInstaller.utils.hooks")
        libraries.mkdir()
        (libraries / "libllama.so").write_bytes(b"")
        hooks.__dict__.update(
            collect_submodules=lambda name: [name], copy_metadata=lambda name: [(name, name)]
        )
        for name in ("PyInstaller", "PyInstaller.utils"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)
        monkeypatch.setenv("SORO_LIBRARIES", str(libraries))
        monkeypatch.setenv("SORO_LICENCES", str(ROOT / "packaging"))
        monkeypatch.setattr(sys, "path", list(sys.path))
        self.given: dict[str, Any] = {}
        self.output = folder / "dist"
        run_as = {
            "SPECPATH": str(checkout / "packaging"),
            "DISTPATH": str(self.output),
            "Analysis": self._analysis,
            "PYZ": lambda pure: None,
            "EXE": lambda *parts, **options: self.given.update(exe=options),
            "COLLECT": lambda *parts, **options: self.given.update(collect=options),
        }
        code = (ROOT / "packaging/soro.spec").read_text(encoding="utf-8")
        exec(compile(code, "soro.spec", "exec"), run_as)

    def _analysis(self, scripts: list[str], **given: Any) -> types.SimpleNamespace:
        self.given.update(given, scripts=scripts)
        return types.SimpleNamespace(pure=[], scripts=[], binaries=[], datas=[])


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    return Recipe(tmp_path, monkeypatch)


def test_the_recipe_takes_every_file_that_the_program_reads(recipe: Recipe) -> None:
    taken = {Path(source) for source, _target in recipe.given["datas"]}
    wanted = {
        file for file in files_of_the_bundle("*") if file.suffix not in (".py", ".pyc", ".po")
    }
    assert wanted | set((ROOT / "models").glob("*.toml")) <= taken
    for source, target in recipe.given["datas"]:
        if Path(source).is_relative_to(ROOT / "soro_edge"):
            assert Path(source).parent == ROOT / target


def test_where_the_checkout_lies_changes_nothing(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "evaluation/tests"
    checkout.mkdir(parents=True)
    for name in ("soro_edge", "models", "packaging"):
        (checkout / name).symlink_to(ROOT / name)
    (tmp_path / "moved").mkdir()
    moved = Recipe(tmp_path / "moved", monkeypatch, checkout)
    expected = [target for _source, target in recipe.given["datas"]]
    assert [target for _source, target in moved.given["datas"]] == expected


def test_the_recipe_leaves_the_makers_tools_out(recipe: Recipe) -> None:
    assert {"numpy", "convert", "soro_edge.evaluation", "tests", "torch"} <= set(
        recipe.given["excludes"]
    )
    assert set(frozen.CHILDREN) <= set(recipe.given["hiddenimports"])
    assert not recipe.given["exe"]["upx"] and not recipe.given["collect"]["upx"]
    assert (recipe.output / "soro/_internal/llama_cpp/lib/libllama.so").exists()


SCORES = {"x64": 1, "haswell": 60, "zen4": 0}


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str | int]:
    """A folder with files for three processors; what is loaded of them."""
    loaded: list[str | int] = []

    def library(path: str) -> types.SimpleNamespace:
        def begin() -> int:
            loaded.append(path)
            return 7

        return types.SimpleNamespace(
            ggml_backend_init=begin, ggml_backend_register=lambda reg: loaded.append(reg.value)
        )

    for name in SCORES:
        (tmp_path / f"libggml-cpu-{name}.so").write_bytes(b"")
    (tmp_path / "libggml.so").write_bytes(b"")
    monkeypatch.setattr(variants, "_PREFIX", "libggml-cpu-")
    monkeypatch.setattr(variants, "_SUFFIX", ".so")
    monkeypatch.setattr(
        variants, "score", lambda file: SCORES[file.stem.removeprefix("libggml-cpu-")]
    )
    monkeypatch.setattr(ctypes, "CDLL", library)
    return loaded


def test_the_variant_with_the_best_score_is_loaded(
    several: list[str | int], tmp_path: Path
) -> None:
    assert variants.load_best_variant(tmp_path) == "haswell"
    assert several == [str(tmp_path / "libggml-cpu-haswell.so"), 7]


def test_nothing_is_loaded_where_no_variant_can_run(
    several: list[str | int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "score", lambda file: 0)
    assert variants.load_best_variant(tmp_path) == "" and not several


def test_a_build_for_this_machine_alone_has_no_variants(tmp_path: Path) -> None:
    (tmp_path / "libggml-cpu.so").write_bytes(b"")
    assert variants.load_best_variant(tmp_path) == ""


def test_a_damaged_library_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "libggml-cpu-x64.so").write_bytes(b"not a library")
    assert variants.score(tmp_path / "libggml-cpu-x64.so") == 0


def test_doctor_names_the_variant() -> None:
    assert "haswell" in engine_line("haswell")
    assert engine_line("") == "llama.cpp, built on this computer"


def test_the_version_resource_tells_the_programs_version() -> None:
    text = (ROOT / "packaging/windows/version.txt").read_text(encoding="utf-8")
    assert set(re.findall(r'"(?:File|Product)Version", "([^"]+)"', text)) == {__version__}
    numbers = ", ".join([*__version__.split("."), "0"])
    assert re.findall(r"(?:filevers|prodvers)=\(([^)]+)\)", text) == [numbers, numbers]


@pytest.mark.native
def test_the_loaded_model_tells_the_variant(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soro_edge.engine import model

    monkeypatch.setattr(model, "VARIANT", "haswell")
    loaded = model.LoadedModel(EngineOptions(model_path=str(tiny_model)), lambda fraction: None)
    assert loaded.info.variant == "haswell"
    loaded.close()
