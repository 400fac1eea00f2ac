"""A bundle as the build makes it: a program `soro`, its `_internal/`, its `VERSION`. Only read here."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soro_edge.locale import N_, _
from soro_edge.stick.errors import CannotMake
from soro_edge.stick.manifest import Group
from soro_edge.stick.names import put_there_by_a_system

_PROGRAMS = {Group.LINUX: "soro", Group.WINDOWS: "soro.exe"}
_HINT = N_(
    "Build it first, name its folder, or leave it out: `--without linux` or `--without windows`."
)
_BUILD_AGAIN = N_("Build it again.")


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
            raise CannotMake(
                reason=_("There is no program for {system}: {path}").format(
                    system=group, path=program
                ),
                advice=_(_HINT),
            )
        try:
            words = (folder / "VERSION").read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise CannotMake(
                reason=_("The file VERSION cannot be read in {folder}.").format(folder=folder),
                advice=_(_HINT),
            ) from error
        if not words:
            raise CannotMake(
                reason=_("The file VERSION cannot be read in {folder}.").format(folder=folder),
                advice=_(_HINT),
            )
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
                        reason=_("A link leads out of the program: {path}").format(path=path),
                        advice=_(_BUILD_AGAIN),
                    )
                if name in folders and path.is_symlink() and path.parent.is_relative_to(real):
                    raise CannotMake(
                        reason=_("A link leads in a circle: {path}").format(path=path),
                        advice=_(_BUILD_AGAIN),
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
