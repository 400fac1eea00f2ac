"""What is known of a model file before it is opened: a TOML manifest, read and checked here.

Knows no folder: which manifests there are, and where the files lie, is models.py's.
"""

import re
import stat
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from soro_edge.engine.api import Sampling
from soro_edge.model_errors import BadManifest

NAME = re.compile(r"\w[\w.-]{0,199}")
LONGEST_NEW_NAME = 64
"""Letters; what was added before this bound stays."""
_FILE_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,255}")
"""No way out of the manifest's folder."""
_PACKAGE = re.compile(r"[A-Za-z_]\w*")
"""Python's name of one; looking for a part of a package would import the rest."""
_SHA256 = re.compile(r"([0-9a-fA-F]{64})?")
NAME_RULE = "a–z 0–9 . - _, ≤ 64"
MOST_CONTEXT_TOKENS = 1 << 20
_MOST_BYTES = 1 << 50
_MOST_LANGUAGES = 100
_LARGEST_MANIFEST_BYTES = 64 << 10
_STRINGS = re.compile(
    r'''"""(?:\\.|[^\\])*?"""|\'{3}.*?\'{3}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|\#[^\n]*''', re.DOTALL
)
_MOST_DOTS = 16
"""In a line: tomllib takes minutes for a key of ten thousand parts."""
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
        document = tomllib.loads(_read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or printable(str(error)) or type(error).__name__
        raise BadManifest(path=str(path), reason=reason) from error
    reader = _Reader(path, document)
    default = Sampling()
    return Manifest(
        name=reader.name("", "name", NAME),
        title=reader.text("", "title"),
        file_name=reader.name("file", "name", _FILE_NAME),
        size_bytes=reader.whole("file", "size_bytes", 0, _MOST_BYTES),
        sha256=reader.name("file", "sha256", _SHA256).lower(),
        sha256_from=reader.text("file", "sha256_from", "maker"),
        languages=tuple(reader.texts("", "languages")),
        license=reader.text("", "license", "unknown"),
        source=reader.text("", "source", ""),
        package=reader.name("file", "package", _PACKAGE, "") or None,
        quantization=reader.text("file", "quantization", "unknown"),
        context_tokens=reader.whole("context", "tokens", 1, MOST_CONTEXT_TOKENS, 2048),
        memory_bytes=reader.whole("context", "memory_bytes", 0, _MOST_BYTES, 0),
        sampling=Sampling(
            temperature=reader.number("sampling", "temperature", 0, 5, default.temperature),
            top_k=reader.whole("sampling", "top_k", 0, 1 << 20, default.top_k),
            top_p=reader.number("sampling", "top_p", 0, 1, default.top_p),
            min_p=reader.number("sampling", "min_p", 0, 1, default.min_p),
            repeat_penalty=reader.number(
                "sampling", "repeat_penalty", 0.01, 10, default.repeat_penalty
            ),
        ),
        system=reader.words("prompt", "system", ""),
        path=path,
    )


def _read_text(path: Path) -> str:
    """What a file of a bounded size says. Raises OSError, ValueError."""
    # A pipe, a device or a folder in its place is not opened: that could wait for ever.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("no ordinary file")
    with path.open("rb") as file:
        data = file.read(_LARGEST_MANIFEST_BYTES + 1)
    if len(data) > _LARGEST_MANIFEST_BYTES:
        raise ValueError(f"longer than {_LARGEST_MANIFEST_BYTES} bytes")
    text = data.decode("utf-8-sig")  # Notepad writes a byte-order mark
    if any(line.count(".") > _MOST_DOTS for line in _STRINGS.sub("", text).splitlines()):
        raise ValueError("too many dots in a line")
    return text


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
    """Values of a parsed manifest, each checked for its type and its bounds."""

    def __init__(self, path: Path, document: dict[str, object]) -> None:
        self._path = path
        self._document = document

    def words(self, table: str, name: str, default: str | None = None) -> str:
        """Text of any length and with line ends."""
        value = self._value(table, name, default)
        if not isinstance(value, str):
            raise self._refused(table, name, "text")
        return value

    def text(self, table: str, name: str, default: str | None = None) -> str:
        """Text that can be shown in one line."""
        value = self.words(table, name, default)
        if printable(value) != value:
            raise self._refused(table, name, f"{value[:80]!a}")
        return value

    def texts(self, table: str, name: str) -> Iterator[str]:
        """A list of such texts; empty where there is none."""
        values = self._value(table, name, [])
        if not isinstance(values, list) or len(values) > _MOST_LANGUAGES:
            raise self._refused(table, name, "list")
        for value in values:
            if not isinstance(value, str):
                raise self._refused(table, name, "text")
            yield printable(value)

    def name(self, table: str, name: str, rule: re.Pattern[str], default: str | None = None) -> str:
        """Text of a certain form."""
        value = self.words(table, name, default)
        if value != default and not rule.fullmatch(value):
            raise self._refused(table, name, f"{value[:80]!a}")
        return value

    def whole(
        self, table: str, name: str, least: int, most: int, default: int | None = None
    ) -> int:
        """An integer from `least` to `most`."""
        value = self._value(table, name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._refused(table, name, f"{least} … {most}")
        return value

    def number(self, table: str, name: str, least: float, most: float, default: float) -> float:
        """A number from `least` to `most`; nan is none."""
        value = self._value(table, name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused(table, name, f"{least} … {most}")
        if not least <= value <= most:
            raise self._refused(table, name, f"{least} … {most}")
        return float(value)

    def _value(self, table: str, name: str, default: object) -> object:
        section = self._document.get(table, {}) if table else self._document
        if not isinstance(section, dict):
            raise self._refused("", table, "[table]")
        return section.get(name, default)

    def _refused(self, table: str, name: str, expected: str) -> BadManifest:
        place = f"{table}.{name}" if table else name
        return BadManifest(path=str(self._path), reason=f"{place}: {expected}")
