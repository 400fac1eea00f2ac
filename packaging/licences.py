"""One file with the licences of all that a bundle holds, made from what PyInstaller really took."""

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

_TEXT = re.compile(r"(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
_ALWAYS = ("pyinstaller", "llama-cpp-python")
"""The program's first bytes are PyInstaller's; the bindings are taken by hand."""


def write_licences(target: Path, *, modules: Iterable[str], texts: Sequence[Path]) -> None:
    """`modules` are import names or file paths inside the bundle; `texts` come after the packages."""
    names = {re.split(r"[./\\]", name)[0] for name in modules}
    parts = [
        part(f"{one.metadata['Name']} {one.version}", licence_of(one))
        for one in sorted(distributions(), key=lambda one: one.metadata["Name"].lower())
        if one.metadata["Name"].lower() in _ALWAYS or names & top_names(one)
    ]
    parts += [part(text.stem, text.read_text(encoding="utf-8", errors="replace")) for text in texts]
    target.write_text("\n".join(parts), encoding="utf-8", newline="\n")


def part(title: str, text: str) -> str:
    """One package's section."""
    return f"{'=' * 78}\n{title}\n{'=' * 78}\n\n{text.strip()}\n"


def licence_of(one: Distribution) -> str:
    """Its licence files, or what its metadata says."""
    found = [
        Path(str(file.locate()))
        for file in one.files or ()
        if _TEXT.search(file.name) and file.suffix in ("", ".txt", ".md", ".rst")
    ]
    said = one.metadata.get("License-Expression") or one.metadata.get("License") or ""
    whole = [file.read_text(encoding="utf-8", errors="replace") for file in found if file.exists()]
    return "\n\n".join([f"Licence: {said.splitlines()[0]}" if said else "", *whole]).strip()


def top_names(one: Distribution) -> set[str]:
    """What it puts at the top of site-packages: modules and packages."""
    files = [file for file in one.files or () if file.parts[0] not in ("..", "bin")]
    return {file.parts[0].split(".")[0] for file in files if ".dist-info" not in file.parts[0]}
