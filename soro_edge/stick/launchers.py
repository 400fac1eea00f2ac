"""What starts an installed program: launchers that read the pointer, and the entries in the menus.

They are the same for every version, so an update never changes how a pupil starts.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soro_edge.paths import storage_error, write_whole
from soro_edge.stick.errors import NothingBefore
from soro_edge.stick.installed import Installation
from soro_edge.stick.menu import LinuxMenu

_SHELL = """#!/bin/sh
# Starts the version that the file `current` names as «{which}».
here=$(dirname "$(readlink -f "$0")")
while read -r name value; do
    [ "$name" = {which} ] && version=$value
done < "$here/current"
[ -n "$version" ] || {{ echo "{missing}" >&2; exit 10; }}
exec "$here/versions/$version/soro/soro" {words}"$@"
"""
_BATCH = """@echo off
rem Starts the version that the file "current" names as "{which}".
chcp 65001 >nul
set SORO_VERSION=
for /f "usebackq tokens=1,2" %%a in ("%~dp0current") do if "%%a"=="{which}" set SORO_VERSION=%%b
if "%SORO_VERSION%"=="" echo {missing}
if "%SORO_VERSION%"=="" exit /b 10
"%~dp0versions\\%SORO_VERSION%\\soro\\soro.exe" {words}%*
"""
_WINDOWS_ENTRY = """@echo off
title Soro
call "%LOCALAPPDATA%\\Programs\\soro-edge\\soro.cmd" %*
if errorlevel 1 pause
"""
"""For the usual folder: plain ASCII, whatever the person's name and the console's code page are."""
_WINDOWS_ENTRY_ELSEWHERE = """@echo off
title Soro
chcp 65001 >nul
pushd "{folder}"
call soro.cmd %*
if errorlevel 1 pause
"""
"""`call` reads a path's % twice, `pushd` once."""


@dataclass(frozen=True, slots=True)
class Launchers:
    """Of one installation, for one system."""

    installation: Installation
    windows: bool = os.name == "nt"

    @property
    def program(self) -> Path:
        """What a person starts."""
        return self.installation.folder / ("soro.cmd" if self.windows else "soro")

    @property
    def back(self) -> Path:
        """Starts the version before, to go back to it: works where the new one does not start."""
        return self.installation.folder / ("soro-back.cmd" if self.windows else "soro-back")

    def write(self) -> None:
        """Raises StorageError."""
        for file, which, words, missing in (
            (self.program, "current", "", "Soro ?"),
            (self.back, "previous", "usb back --to ", str(NothingBefore())),
        ):
            form = _BATCH if self.windows else _SHELL
            text = form.format(which=which, words=words, missing=missing)
            if words:
                text = text.replace('--to "$@"', '--to "$here"').replace("--to %*", '--to "%~dp0."')
            write_whole(file, text.replace("\n", "\r\n" if self.windows else "\n").encode("utf-8"))
            if not self.windows:
                file.chmod(0o755)

    def write_menu(self, environ: Mapping[str, str] = os.environ) -> Path | None:
        """The entry in the system's menu; None where another program has it. Raises StorageError."""
        if not self.windows:
            return LinuxMenu(program=self.program, environ=environ).write()
        entry = windows_entry(environ)
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, entry) from error
        write_whole(entry, self._windows_entry(environ).replace("\n", "\r\n").encode("utf-8"))
        return entry

    def remove_menu(self, environ: Mapping[str, str] = os.environ) -> None:
        """Raises StorageError."""
        if not self.windows:
            LinuxMenu(program=self.program, environ=environ).remove()
        else:
            # The installer of the plain bundle names its own differently.
            with suppress(OSError):
                windows_entry(environ).unlink()

    def _windows_entry(self, environ: Mapping[str, str]) -> str:
        local = environ.get("LOCALAPPDATA")
        if local and self.installation.folder == Path(local) / "Programs" / "soro-edge":
            return _WINDOWS_ENTRY
        folder = str(self.installation.folder).replace("%", "%%")
        return _WINDOWS_ENTRY_ELSEWHERE.format(folder=folder)


def windows_entry(environ: Mapping[str, str]) -> Path:
    """Where it lies; for this person alone."""
    roaming = environ.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    return Path(roaming) / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Soro.cmd"
