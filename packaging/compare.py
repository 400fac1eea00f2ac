"""Whether two builds are equal: `python packaging/compare.py dist/linux/soro OTHER/soro` lists what differs.

The exit code is 0 where nothing differs, 1 otherwise."""

import filecmp
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def differences(one: Path, other: Path) -> Iterator[str]:
    """A line for each file that only one of them has, or that differs in content, right to run or time."""
    first, second = _files(one), _files(other)
    for name in sorted(first ^ second):
        yield f"{name}: only in {one if name in first else other}"
    for name in sorted(first & second):
        here, there = one / name, other / name
        if here.is_symlink() or there.is_symlink():
            yield f"{name}: a link"
        elif not filecmp.cmp(here, there, shallow=False):
            yield f"{name}: content"
        if os.access(here, os.X_OK) != os.access(there, os.X_OK):
            yield f"{name}: right to run"
        if int(here.stat().st_mtime) != int(there.stat().st_mtime):
            yield f"{name}: time"


def _files(folder: Path) -> set[str]:
    if folder.is_file():
        return {""}
    found = (file for file in folder.rglob("*") if file.is_symlink() or not file.is_dir())
    return {file.relative_to(folder).as_posix() for file in found}


def main() -> int:
    if len(sys.argv) != 3 or not all(Path(word).exists() for word in sys.argv[1:]):
        print("Two folders are compared, or two files: compare.py ONE OTHER", file=sys.stderr)
        return 2
    one, other = map(Path, sys.argv[1:])
    found = list(differences(one, other))
    print("\n".join(found) or f"{len(_files(one))} files, all equal")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
