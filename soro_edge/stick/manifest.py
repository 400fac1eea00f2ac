"""The list of all that a stick holds, as JSON: what is read is checked before anything uses it.

A path that leads out of the stick, a name that FAT32 cannot hold, a file listed twice: BadStick.
Knows no file system and no signature.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from soro_edge.stick.errors import BadStick
from soro_edge.stick.names import LARGEST_FILE_BYTES, colliding, path_fault

FORMAT = 1
LARGEST_MANIFEST_BYTES = 16 << 20
_MOST_BYTES = 1 << 43
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,39}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Group(StrEnum):
    """What a file belongs to."""

    START = "start"
    """At the stick's top: what people read and click. Not installed."""
    LINUX = "linux"
    WINDOWS = "windows"
    MODEL = "model"
    BANK = "bank"


_INSTALLED_FROM = {
    Group.LINUX: "soro/linux/",
    Group.WINDOWS: "soro/windows/",
    Group.MODEL: "soro/",
    Group.BANK: "soro/",
}
"""Where a group lies on the stick; what follows is the path inside an installed version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file on the stick: a whole one, or a part of one that FAT32 could not hold."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StickFile:
    """One file as it is used."""

    path: str
    """On the stick, with slashes."""
    size_bytes: int
    sha256: str
    group: Group
    runs: bool = False
    """Whether it is a program (FAT32 keeps no such bit)."""
    model: str = ""
    """Name of the model it belongs to."""
    split: tuple[Piece, ...] = ()
    """Its parts, where it is not stored whole."""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What lies on the stick."""
        whole = Piece(path=self.path, size_bytes=self.size_bytes, sha256=self.sha256)
        return self.split or (whole,)

    @property
    def target(self) -> str:
        """Its path inside an installed version; empty where it is not installed."""
        return self.path.removeprefix(_INSTALLED_FROM.get(self.group, self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class StickModel:
    """A model to choose."""

    name: str
    title: str
    size_bytes: int
    memory_bytes: int
    """What the engine's process needs, with all of the context."""
    family: str = ""
    """Models with the same text are one model in several files; empty stands for itself."""
    token_microseconds: int = 0
    """What its weights take for a token on a processor below AVX2; 0 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StickManifest:
    """All of a stick."""

    version: str
    """Of the program."""
    release: int
    """Grows with each stick that is made: a smaller one is never installed over a greater."""
    files: tuple[StickFile, ...]
    models: tuple[StickModel, ...]

    def of(self, group: Group) -> list[StickFile]:
        return [file for file in self.files if file.group is group]


def write_manifest(manifest: StickManifest) -> bytes:
    """The JSON that `read_manifest` reads back."""
    document = {"format": FORMAT, **asdict(manifest)}
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8")


def read_manifest(data: bytes) -> StickManifest:
    """The manifest in `data`. Raises BadStick."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadStick(reason=str(error)) from error
    top = _Fields("manifest", document)
    if top.number("format", 1, 1 << 30) != FORMAT:
        raise BadStick(reason="format: a newer one")
    manifest = StickManifest(
        version=top.matching("version", _VERSION),
        release=top.number("release", 1, 1 << 60),
        files=tuple(_file(_Fields("file", one)) for one in top.items("files")),
        models=tuple(_model(_Fields("model", one)) for one in top.items("models")),
    )
    check_files(manifest.files)
    names = [model.name for model in manifest.models]
    if len(set(names)) < len(names) or {f.model for f in manifest.files} - {"", *names}:
        raise BadStick(reason="models")
    return manifest


def check_files(files: Iterable[StickFile]) -> None:
    """Raises BadStick where a path or a size cannot stand on a stick."""
    files = tuple(files)
    paths = [piece.path for file in files for piece in file.pieces]
    for path in [*paths, *(file.path for file in files)]:
        fault = path_fault(path)
        if fault:
            raise BadStick(reason=f"{path}: {fault}")
    # A joined file stands where its parts do not, but not where another file does.
    for same in (colliding(paths), colliding(file.path for file in files)):
        if same:
            raise BadStick(reason=f"{same[0]}, {same[1]}: one name twice")
    for file in files:
        inside = _INSTALLED_FROM.get(file.group, "")
        if not file.path.startswith(inside) or file.path == inside:
            raise BadStick(reason=f"{file.path}: not in {inside}")
        if sum(piece.size_bytes for piece in file.pieces) != file.size_bytes:
            raise BadStick(reason=f"{file.path}: its parts are not its size")
        for piece in file.pieces:
            if piece.size_bytes > LARGEST_FILE_BYTES:
                raise BadStick(reason=f"{piece.path}: too large for FAT32")


class _Fields:
    """Values of a JSON object, each with its type checked."""

    def __init__(self, what: str, document: object) -> None:
        if not isinstance(document, dict):
            raise BadStick(reason=f"{what}: no object")
        self._what = what
        self._document = document

    def has(self, name: str) -> bool:
        return name in self._document

    def text(self, name: str) -> str:
        found = self._document.get(name)
        if not isinstance(found, str):
            raise self._bad(name)
        return found

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        found = self.text(name)
        if not pattern.fullmatch(found):
            raise self._bad(name)
        return found

    def number(self, name: str, least: int, most: int) -> int:
        found = self._document.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise self._bad(name)
        return found

    def truth(self, name: str) -> bool:
        found = self._document.get(name)
        if not isinstance(found, bool):
            raise self._bad(name)
        return found

    def items(self, name: str) -> list[object]:
        found = self._document.get(name)
        if not isinstance(found, list):
            raise self._bad(name)
        return found

    def _bad(self, name: str) -> BadStick:
        return BadStick(reason=f"{self._what}: {name}")


def _piece(fields: _Fields) -> Piece:
    return Piece(
        path=fields.text("path"),
        size_bytes=fields.number("size_bytes", 0, _MOST_BYTES),
        sha256=fields.matching("sha256", _SHA256),
    )


def _file(fields: _Fields) -> StickFile:
    whole = _piece(fields)
    group = fields.text("group")
    if group not in tuple(Group):
        raise BadStick(reason=f"file: group {group}")
    return StickFile(
        path=whole.path,
        size_bytes=whole.size_bytes,
        sha256=whole.sha256,
        group=Group(group),
        runs=fields.truth("runs"),
        model=fields.text("model"),
        split=tuple(_piece(_Fields("part", one)) for one in fields.items("split")),
    )


def _model(fields: _Fields) -> StickModel:
    return StickModel(
        name=fields.text("name"),
        title=fields.text("title"),
        size_bytes=fields.number("size_bytes", 0, _MOST_BYTES),
        memory_bytes=fields.number("memory_bytes", 0, _MOST_BYTES),
        # Sticks of earlier versions do not have these.
        family=fields.text("family") if fields.has("family") else "",
        token_microseconds=(
            fields.number("token_microseconds", 0, _MOST_BYTES)
            if fields.has("token_microseconds")
            else 0
        ),
    )
