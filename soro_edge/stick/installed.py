"""An installation: versions side by side, and one small file, `current`, that says which one runs.

    FOLDER/current                     the pointer; replaced in one step
    FOLDER/soro, soro-back             launchers that read it (soro.cmd, soro-back.cmd on Windows)
    FOLDER/versions/ID/soro/           a program as the bundle has it
    FOLDER/versions/ID/soro-models/    its models; soro-banks/ its question banks
    FOLDER/versions/ID/complete.json   written last: without it the version is half copied

Knows no stick and copies nothing.
"""

import json
import os
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from soro_edge.paths import storage_error, write_whole
from soro_edge.stick.errors import InstallationDamaged, NotInstalled

_KEY = re.compile("[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What `current` says."""

    current: str
    """The version that runs."""
    previous: str = ""
    """The one to go back to; empty where there is none."""
    release: int
    """The newest ever installed here: an older stick is refused."""
    key: str
    """Whose sticks are trusted, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a complete version."""

    version: str
    release: int
    history_steps: int
    """How new a history its program can read."""
    model: str
    key: str
    """Of the stick that it came from: the pointer can be made anew from it."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One folder. Asking creates nothing."""

    folder: Path

    @property
    def pointer_file(self) -> Path:
        return self.folder / "current"

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"

    def version(self, id_: str) -> Path:
        return self.folder / "versions" / id_

    def program(self, id_: str) -> Path:
        """The executable of a version."""
        return self.version(id_) / "soro" / ("soro.exe" if os.name == "nt" else "soro")

    def read(self) -> Pointer | None:
        """None where nothing was ever installed whole; a damaged one is made anew.

        Raises InstallationDamaged, StorageError.
        """
        try:
            text = self.pointer_file.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error, self.pointer_file) from error
        return _parse(text) or self._rebuilt()

    def _rebuilt(self) -> Pointer:
        """What the complete versions say: a damaged file must not mean that any key is trusted."""
        found = []
        with suppress(OSError):
            for folder in (self.folder / "versions").iterdir():
                facts = self.facts(folder.name)
                if facts and _KEY.fullmatch(facts.key):
                    found.append((facts.release, folder.name, facts.key))
        if not found:
            raise InstallationDamaged(path=str(self.folder))
        (release, current, key), *older = sorted(found, reverse=True)
        return Pointer(
            current=current, previous=older[0][1] if older else "", release=release, key=key
        )

    def installed(self) -> Pointer:
        """Raises NotInstalled."""
        pointer = self.read()
        if pointer is None:
            raise NotInstalled(path=str(self.folder))
        return pointer

    def point_to(self, pointer: Pointer) -> None:
        """The switch: before it the one version runs, after it the other. Raises StorageError."""
        lines = [f"current {pointer.current}"]
        if pointer.previous:
            lines.append(f"previous {pointer.previous}")
        lines += [f"release {pointer.release}", f"key {pointer.key}", ""]
        write_whole(self.pointer_file, "\n".join(lines).encode("utf-8"))

    def facts(self, id_: str) -> Facts | None:
        """None where the version is not complete."""
        try:
            stored = json.loads((self.version(id_) / "complete.json").read_text(encoding="utf-8"))
            facts = Facts(
                version=str(stored["version"]),
                release=int(stored["release"]),
                history_steps=int(stored["history_steps"]),
                model=str(stored["model"]),
                key=str(stored["key"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return facts if self.program(id_).exists() else None

    def complete(self, id_: str, facts: Facts) -> None:
        """Say that a version is whole. Raises StorageError."""
        document = {name: getattr(facts, name) for name in Facts.__dataclass_fields__}
        write_whole(self.version(id_) / "complete.json", json.dumps(document).encode("utf-8"))

    def turned(self, pointer: Pointer) -> Pointer:
        """The pointer after going back."""
        return replace(pointer, current=pointer.previous, previous=pointer.current)

    def remove_others(self, kept: set[str]) -> None:
        """Delete all versions but those; one that is in use stays until the next time."""
        with suppress(OSError):
            for folder in (self.folder / "versions").iterdir():
                if folder.name not in kept:
                    # The mark goes first: what is half deleted must not look complete.
                    with suppress(OSError):
                        (folder / "complete.json").unlink(missing_ok=True)
                        shutil.rmtree(folder, ignore_errors=True)


def running_installation() -> Installation | None:
    """The one that this program itself was started from."""
    levels = Path(sys.executable).absolute().parents
    if getattr(sys, "frozen", False) and len(levels) > 3 and levels[2].name == "versions":
        found = Installation(levels[3])
        return found if found.pointer_file.exists() else None
    return None


def _parse(text: str) -> Pointer | None:
    """None where it is damaged."""
    values = dict(line.partition(" ")[::2] for line in text.splitlines())
    try:
        pointer = Pointer(
            current=values["current"],
            previous=values.get("previous", ""),
            release=int(values["release"]),
            key=values["key"],
        )
    except (KeyError, ValueError):
        return None
    whole = pointer.current and _KEY.fullmatch(pointer.key) and text.endswith("\n")
    return pointer if whole else None
