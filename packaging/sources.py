"""What both bundles are made from: sources by hash, the wheels of `uv.lock`, the last commit."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = Path(os.environ.get("SORO_BUILD_FOLDER") or ROOT / "packaging/build").resolve()
"""Where sources and compiled parts are kept."""
DOWNLOADS = BUILD / "downloads"
SERVERS = ("skylakex", "cannonlake", "cascadelake", "cooperlake", "sapphirerapids")
"""Variants of llama.cpp that do not pay their place (README.md has the measurement)."""
LLAMA_FLAGS = (
    "-GNinja",
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=ON",
    "-DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON",
    "-DGGML_NATIVE=OFF",
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_CPU_ALL_VARIANTS=ON",
    "-DGGML_OPENMP=OFF",
    "-DLLAMA_BUILD_COMMON=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
)
PATCHES = ("ssse3", "sse_activations", "sse_q8_0", "sse_q4_0", "sse_f32")
"""Of llama.cpp, for processors below AVX2: packaging/llama_NAME.patch; its head says what it is for."""
LACKS = 3
"""The exit code where a machine lacks something that no change can give it."""
COMPILED_EPOCH = 1_767_225_600
"""The time that compilers are told: what is kept from commit to commit bears no commit's time."""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Tells what is done, and the minutes that it took: of the clock and of the processor."""
    print(f"== {title}", flush=True)
    clock, used = time.monotonic(), os.times()
    yield
    now = os.times()
    processor = sum(now[:4]) - sum(used[:4])
    minutes = (time.monotonic() - clock) / 60
    print(f"== {title}: {minutes:.1f} min, processor {processor / 60:.1f} min", flush=True)


def make_once(stamp: Path, recipe: str, make: Callable[[], None]) -> None:
    """`make`, unless it was done before from the very same recipe."""
    key = hashlib.sha256(recipe.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == key:
        return
    stamp.unlink(missing_ok=True)
    with step(stamp.stem):
        make()
    stamp.write_text(key)


def fetch(name: str) -> Path:
    """A source archive that sources.txt names."""
    lines = (ROOT / "packaging/sources.txt").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{name}=="))
    version, wanted = line.removeprefix(f"{name}==").split(" --hash=sha256:")
    archive = DOWNLOADS / f"{name.replace('-', '_')}-{version}.tar.gz"
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    if not archive.exists() or _sha256(archive) != wanted:
        with step(f"fetch {name}"), tempfile.TemporaryDirectory(dir=DOWNLOADS) as folder:
            requirement = Path(folder, "requirement.txt")
            requirement.write_text(line + "\n")
            run(
                *("uv", "tool", "run", "pip", "download", "--quiet", "--no-deps"),
                *("--no-binary", ":all:", "--require-hashes"),
                *("--requirement", requirement, "--dest", folder),
            )
            Path(folder, archive.name).replace(archive)
    return archive


def llama_source(folder: Path) -> str:
    """llama-cpp-python's source, llama.cpp inside, its list of CPU variants cut to those that pay
    their place, and patched. Its recipe, for that of what is compiled from it."""
    archive = fetch("llama-cpp-python")
    patches = [ROOT / f"packaging/llama_{name}.patch" for name in PATCHES]

    def unpack() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        untar(archive, folder)
        listed = folder / "vendor/llama.cpp/ggml/src/CMakeLists.txt"
        marks = [f"ggml_add_cpu_backend_variant({name} " for name in SERVERS]
        lines = listed.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not any(mark in line for mark in marks)]
        assert len(lines) - len(kept) == len(marks), "llama.cpp names its variants otherwise now"
        listed.write_text("".join(kept))
        # Not as a part of the checkout that the build folder may lie in: there git skips all of it.
        alone = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent.resolve())}
        run("git", "-C", folder / "vendor/llama.cpp", "apply", *patches, env=alone)

    recipe = " ".join([archive.name, str(SERVERS), *(patch.read_text() for patch in patches)])
    make_once(folder.with_suffix(".made"), recipe, unpack)
    return recipe


def make_site(site: Path, platform: str, llama: Path) -> None:
    """What PyInstaller imports from: wheels of one system, nothing compiled. llama_cpp's Python files
    come from its source; its libraries are built apart, once for every kind of processor."""
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder, "locked.txt")
        not_here = ("llama-cpp-python", "numpy", "diskcache")
        run(
            *("uv", "export", "--quiet", "--frozen", "--no-default-groups", "--group", "bundle"),
            "--no-emit-project",
            *(word for name in not_here for word in ("--no-emit-package", name)),
            *("--output-file", locked),
            stdout=subprocess.DEVNULL,
        )
        run(
            *("uv", "pip", "install", "--quiet", "--target", site),
            *("--python-platform", platform, "--python-version", "3.11"),
            *("--no-build", "--no-deps", "--require-hashes", "--requirement", locked),
        )
    shutil.copytree(llama / "llama_cpp", site / "llama_cpp")
    told = (llama / "PKG-INFO").read_text(encoding="utf-8")
    version = next(line for line in told.splitlines() if line.startswith("Version: "))
    info = site / f"llama_cpp_python-{version.removeprefix('Version: ')}.dist-info"
    info.mkdir()
    shutil.copy(llama / "PKG-INFO", info / "METADATA")
    shutil.copy(llama / "LICENSE.md", info)
    (info / "RECORD").write_text(f"{info.name}/LICENSE.md,,\n")


def commit_source(folder: Path) -> None:
    """What the last commit holds of what a bundle is made from."""
    shutil.rmtree(folder, ignore_errors=True)
    parts = ("soro_edge", "models", "packaging", "pyproject.toml")
    if _git("status", "--porcelain", "--untracked-files=no", "--", *parts):
        print("Changes that are not committed are left out: the last commit is built.")
    with tempfile.TemporaryDirectory() as taken:
        archive = Path(taken, "commit.tar")
        run("git", "archive", "--output", archive, "HEAD", *parts)
        untar(archive, folder, strip=0)


def commit_epoch() -> str:
    """The last commit's time, in seconds since 1970."""
    return _git("log", "-1", "--format=%ct")


def has_commit() -> bool:
    """Whether git gives the last commit: not of a checkout that belongs to somebody else."""
    asked = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True).returncode == 0


def untar(archive: Path, folder: Path, *, strip: int = 1) -> None:
    """Without the first `strip` names of every path."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as opened:
        for member in opened:
            member.name = "/".join(member.name.split("/")[strip:])
            if member.name:
                opened.extract(member, folder)


def run(*words: str | Path, env: dict[str, str] | None = None, stdout: int | None = None) -> None:
    """A command in the checkout; ends the build where it fails."""
    done = subprocess.run(list(map(str, words)), cwd=ROOT, env=env, stdout=stdout)
    if done.returncode:
        sys.exit(f"The build ends: {Path(words[0]).name} gave {done.returncode}.")


def _git(*words: str) -> str:
    return subprocess.check_output(["git", *words], cwd=ROOT, text=True).strip()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
