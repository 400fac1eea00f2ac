"""What is known of a model file before it is opened: a TOML manifest, read and checked here.

Knows no folder: which manifests there are, and where the files lie, is models.py's.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from soro_edge.engine.api import Sampling
from soro_edge.model_errors import BadManifest

Value = TypeVar("Value")
NAME = re.compile(r"\w[\w.-]{0,199}")
LONGEST_NEW_NAME = 64
"""Letters; what was added before this bound stays."""
_FILE_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,255}")
"""No way out of the manifest's folder."""
_PACKAGE = re.compile(r"[A-Za-z_]\w*")
"""Python's name of one; looking for a part of a package would import the rest."""
NAME_RULE = "a–z 0–9 . - _, ≤ 64"
_LONGEST_LETTERS = 200
"""Of what people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One model."""

    name: str
    """What `--model` and the settings call it."""
    title: str
    """What people read."""
    file_name: str
    """Of the GGUF; in the manifest's folder unless `package` says otherwise."""
    size_bytes: int
    sha256: str
    sha256_from: str = "maker"
    """`maker`: of the file as it was made; `copy`: only of the file as it was added here."""
    languages: tuple[str, ...] = ()
    license: str = "unknown"
    source: str = ""
    package: str | None = None
    """Python package that carries the file."""
    quantization: str = "unknown"
    context_tokens: int = 2048
    memory_bytes: int = 0
    """What the engine's process needs at that context; 0 where nobody measured it."""
    sampling: Sampling = field(default_factory=Sampling)
    system: str = ""
    """The system text."""
    path: Path
    """Of the manifest itself."""


def read_manifest(path: Path) -> Manifest:
    """The manifest in the file `path`. Raises BadManifest."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadManifest(path=str(path), reason=str(error)) from error
    reader = _Reader(path, document)
    default = Sampling()
    return Manifest(
        name=reader.name("", "name", NAME),
        title=reader.text("", "title"),
        file_name=reader.name("file", "name", _FILE_NAME),
        size_bytes=reader.value("file", "size_bytes", int),
        sha256=reader.text("file", "sha256"),
        sha256_from=reader.text("file", "sha256_from", "maker"),
        languages=tuple(printable(str(item)) for item in reader.value("", "languages", list, [])),
        license=reader.text("", "license", "unknown"),
        source=reader.text("", "source", ""),
        package=reader.name("file", "package", _PACKAGE, "") or None,
        quantization=reader.text("file", "quantization", "unknown"),
        context_tokens=reader.value("context", "tokens", int, 2048),
        memory_bytes=reader.value("context", "memory_bytes", int, 0),
        sampling=Sampling(
            temperature=reader.number("sampling", "temperature", default.temperature),
            top_k=reader.value("sampling", "top_k", int, default.top_k),
            top_p=reader.number("sampling", "top_p", default.top_p),
            min_p=reader.number("sampling", "min_p", default.min_p),
            repeat_penalty=reader.number("sampling", "repeat_penalty", default.repeat_penalty),
        ),
        system=reader.value("prompt", "system", str, ""),
        path=path,
    )


def write_manifest(manifest: Manifest) -> str:
    """The TOML text that `read_manifest` reads back as `manifest` (but for its path)."""
    sampling = manifest.sampling
    lines = [
        f"name = {_quoted(manifest.name)}",
        f"title = {_quoted(manifest.title)}",
        f"languages = [{', '.join(_quoted(item) for item in manifest.languages)}]",
        f"license = {_quoted(manifest.license)}",
        f"source = {_quoted(manifest.source)}",
        "",
        "[file]",
        f"name = {_quoted(manifest.file_name)}",
        *([f"package = {_quoted(manifest.package)}"] if manifest.package else []),
        f"size_bytes = {manifest.size_bytes}",
        f"sha256 = {_quoted(manifest.sha256)}",
        *(['sha256_from = "copy"'] if manifest.sha256_from == "copy" else []),
        f"quantization = {_quoted(manifest.quantization)}",
        "",
        "[context]",
        f"tokens = {manifest.context_tokens}",
        f"memory_bytes = {manifest.memory_bytes}",
        "",
        "[sampling]",
        *(
            f"{name} = {getattr(sampling, name)}"
            for name in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")
        ),
        "",
        "[prompt]",
        f"system = {_quoted(manifest.system)}",
        "",
    ]
    return "\n".join(lines)


def printable(text: str) -> str:
    """`text` as it may be shown in a terminal: one line of at most 200 letters, no control characters."""
    return "".join(
        " " if unicodedata.category(letter)[0] == "C" else letter
        for letter in text[:_LONGEST_LETTERS]
    )


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(letter):04x}"
        if letter in '"\\' or ord(letter) < 32 or ord(letter) == 127
        else letter
        for letter in text
    )
    return f'"{escaped}"'


class _Reader:
    """Values of a parsed manifest, each with its type checked."""

    def __init__(self, path: Path, document: dict[str, object]) -> None:
        self._path = path
        self._document = document

    def value(
        self, table: str, name: str, kind: type[Value], default: Value | None = None
    ) -> Value:
        section = self._document.get(table, {}) if table else self._document
        found = section.get(name, default) if isinstance(section, dict) else default
        if not isinstance(found, kind) or isinstance(found, bool):
            raise self._refused(table, name, kind.__name__)
        return found

    def name(self, table: str, name: str, rule: re.Pattern[str], default: str | None = None) -> str:
        found = self.value(table, name, str, default)
        if found != default and not rule.fullmatch(found):
            raise self._refused(table, name, f"{found[:80]!a}")
        return found

    def text(self, table: str, name: str, default: str | None = None) -> str:
        found = self.value(table, name, str, default)
        if printable(found) != found:
            raise self._refused(table, name, f"{found[:80]!a}")
        return found

    def number(self, table: str, name: str, default: float) -> float:
        section = self._document.get(table, {})
        whole = isinstance(section, dict) and isinstance(section.get(name), int)
        return (
            float(self.value(table, name, int))
            if whole
            else self.value(table, name, float, default)
        )

    def _refused(self, table: str, name: str, what: str) -> BadManifest:
        place = f"{table}.{name}" if table else name
        return BadManifest(path=str(self._path), reason=f"{place}: {what}")
