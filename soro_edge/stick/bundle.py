"""A bundle as the build makes it: a program `soro`, its `_internal/`, its `VERSION`. Only read here."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soro_edge.stick.errors import CannotMake
from soro_edge.stick.manifest import Group
from soro_edge.stick.names import put_there_by_a_system

_PROGRAMS = {Group.LINUX: "soro", Group.WINDOWS: "soro.exe"}
_HINT = (
    "Build it first, name its folder, or leave it out: `--without linux` or `--without windows`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a bundle."""

    path: str
    """Inside it, with slashes."""
    source: Path
    """A link's file, because FAT32 has no links."""
    runs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One that was looked at."""

    folder: Path
    version: str

    @classmethod
    def open(cls, folder: Path, group: Group) -> "Bundle":
        """Raises CannotMake."""
        program = folder / _PROGRAMS[group]
        if not program.is_file():
            raise CannotMake(reason=f"There is no {group} bundle: {program}", advice=_HINT)
        try:
            words = (folder / "VERSION").read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise CannotMake(reason=f"No VERSION in {folder}: {error}", advice=_HINT) from error
        if not words:
            raise CannotMake(reason=f"{folder / 'VERSION'} is empty.", advice=_HINT)
        return cls(folder=folder, version=words[0])

    def members(self) -> Iterator[Member]:
        """All its files but what systems leave by themselves.

        Raises CannotMake where a link leads out of it, or nowhere.
        """
        inside = self.folder.resolve()
        for place, folders, names in os.walk(self.folder, followlinks=True):
            folders.sort()
            for name in (*folders, *sorted(names)):
                path = Path(place, name)
                real = path.resolve()
                if not real.is_relative_to(inside) or not real.exists():
                    raise CannotMake(
                        reason=f"A link leads out of the bundle: {path}", advice="Build it again."
                    )
                if name in folders and path.is_symlink() and path.parent.is_relative_to(real):
                    raise CannotMake(
                        reason=f"A link leads in a circle: {path}", advice="Build it again."
                    )
            for name in sorted(names):
                if put_there_by_a_system(name):
                    continue
                path = Path(place, name)
                yield Member(
                    path=path.relative_to(self.folder).as_posix(),
                    source=path.resolve(),
                    runs=bool(path.stat().st_mode & 0o111) and path.suffix != ".py",
                )
