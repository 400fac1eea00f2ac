"""A stick as it is read: its manifest, believed only when its signature holds, and its files.

What the manifest does not name is never opened. Changes nothing.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soro_edge.paths import PORTABLE_FOLDER
from soro_edge.stick.copying import OnBytes, open_plain, read_pieces
from soro_edge.stick.errors import BadSignature, NoStick, StickDamaged, StickUnreadable
from soro_edge.stick.manifest import (
    LARGEST_MANIFEST_BYTES,
    Group,
    StickFile,
    StickManifest,
    read_manifest,
)
from soro_edge.stick.names import folded, put_there_by_a_system
from soro_edge.stick.signing import check_signature

FOLDER = "soro"
"""Of all but what people click."""
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
_LARGEST_SIGNATURE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Stick:
    """One that was opened: its manifest is as it was signed."""

    root: Path
    manifest: StickManifest
    document: bytes
    """The manifest's bytes."""
    key: str
    """The public key that signed it, in hex."""

    @property
    def id(self) -> str:
        """Names what is on it: the program's version and a piece of the manifest's hash."""
        return f"{self.manifest.version}-{hashlib.sha256(self.document).hexdigest()[:8]}"

    def sources(self, file: StickFile) -> Sequence[Path]:
        """Where its parts lie. Raises StickUnreadable where a link leads elsewhere."""
        return [_no_links(self.root, piece.path) for piece in file.pieces]

    def check_file(self, file: StickFile, on_bytes: OnBytes) -> None:
        """Read it and compare. Raises StickDamaged, StickUnreadable."""
        whole = hashlib.sha256()
        for source, piece in zip(self.sources(file), file.pieces, strict=True):
            part, size = hashlib.sha256(), 0
            for chunk in read_pieces([source]):
                part.update(chunk)
                if file.split:
                    whole.update(chunk)
                size += len(chunk)
                on_bytes(len(chunk))
            if (size, part.hexdigest()) != (piece.size_bytes, piece.sha256):
                raise StickDamaged(path=piece.path)
        if file.split and whole.hexdigest() != file.sha256:
            raise StickDamaged(path=file.path)

    def strangers(self) -> list[str]:
        """Files that the manifest does not name (a virus may have put them there); a portable
        program's data are none, nor are `system_files`."""
        return [path for path in self._unlisted() if not put_there_by_a_system(path)]

    def system_files(self) -> list[str]:
        """What macOS and Windows left by themselves."""
        return [path for path in self._unlisted() if put_there_by_a_system(path)]

    def _unlisted(self) -> list[str]:
        known = {folded(piece.path) for file in self.manifest.files for piece in file.pieces}
        known |= {f"{FOLDER}/{MANIFEST}", f"{FOLDER}/{SIGNATURE}"}
        there = [
            path.relative_to(self.root).as_posix()
            for path in _named(self.root, FOLDER).rglob("*")
            if path.is_symlink() or not path.is_dir()
        ]
        return sorted(
            path
            for path in there
            if folded(path) not in known
            and not folded(path).startswith(f"{FOLDER}/{PORTABLE_FOLDER}/")
        )


def open_stick(root: Path) -> Stick:
    """Raises NoStick, StickUnreadable, BadSignature, BadStick."""
    folder = _named(root, FOLDER)
    document = _read_small(_named(folder, MANIFEST), LARGEST_MANIFEST_BYTES)
    if document is None:
        raise NoStick(path=str(root))
    signature = _read_small(_named(folder, SIGNATURE), _LARGEST_SIGNATURE_BYTES)
    if signature is None:
        raise BadSignature
    # The signature first: nothing that is not signed is even parsed.
    key = check_signature(document, signature)
    return Stick(root=root, manifest=read_manifest(document), document=document, key=key)


def this_system() -> Group | None:
    """The group of programs that run here."""
    import platform

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    return {"linux": Group.LINUX, "win32": Group.WINDOWS}.get(sys.platform)


def _read_small(path: Path, most_bytes: int) -> bytes | None:
    try:
        with open_plain(path) as file:
            data = file.read(most_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StickUnreadable(path=str(path), reason=error.strerror or str(error)) from error
    if len(data) > most_bytes:
        raise StickUnreadable(path=str(path), reason="too large")
    return data


def _no_links(root: Path, path: str) -> Path:
    place = root
    for name in path.split("/"):
        place = _named(place, name)
        if place.is_symlink():
            raise StickUnreadable(path=str(place), reason="a link")
    return place


def _named(folder: Path, name: str) -> Path:
    """The file of that name, also where a Mac wrote й as и and a breve, or a system shows capitals."""
    path = folder / name
    if os.path.lexists(path):
        return path
    try:
        beside = list(folder.iterdir())
    except OSError:
        return path  # opening it tells what is wrong
    # Compared without regard to case, as FAT32 does. Its content is compared with the signed hash.
    return next((there for there in beside if folded(there.name) == folded(name)), path)
