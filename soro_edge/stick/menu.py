"""The entry in a Linux menu and the word `soro` in a terminal: whose they are.

Two installations may stand side by side: a stick's, and one of the bundle's own `install.sh`. The one that
was installed last has both; where it is removed the other takes them over. What starts nothing any more
is nobody's; what starts a third program is not touched. `install.sh` and `uninstall.sh` keep the same law.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soro_edge.locale import _
from soro_edge.paths import storage_error, write_whole

_ENTRY = """[Desktop Entry]
Type=Application
Name=Soro
Comment={comment}
{starts}
Terminal=true
Categories=Education;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxMenu:
    """As one installation sees it."""

    program: Path
    """Its own launcher."""
    environ: Mapping[str, str]

    @property
    def entry(self) -> Path:
        return _share(self.environ) / "applications" / "soro-edge.desktop"

    @property
    def command(self) -> Path:
        return Path(self.environ.get("HOME") or Path.home()) / ".local" / "bin" / "soro"

    @property
    def other(self) -> Path:
        """The program as `install.sh` installs it."""
        return _share(self.environ) / "soro-edge-program" / "soro"

    def write(self) -> Path | None:
        """The entry; None where a third program has it. Raises StorageError."""
        self._link()
        if not self._is_free():
            return None
        text = _ENTRY.format(comment=_("The teacher in the computer"), starts=_starts(self.program))
        try:
            self.entry.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.entry) from error
        write_whole(self.entry, text.encode("utf-8"))
        return self.entry

    def remove(self) -> None:
        """Nothing that is left starts this program. Raises StorageError."""
        stays = os.access(self.other, os.X_OK)
        lines = _lines(self.entry)
        if _starts(self.program) in lines:
            if stays:
                lines[lines.index(_starts(self.program))] = _starts(self.other)
                write_whole(self.entry, "\n".join([*lines, ""]).encode("utf-8"))
            else:
                with suppress(OSError):
                    self.entry.unlink()
        with suppress(OSError):
            if self.command.is_symlink() and self.command.readlink() == self.program:
                self.command.unlink()
                if stays:
                    self.command.symlink_to(self.other)

    def _link(self) -> None:
        with suppress(OSError):
            leads = self.command.readlink() if self.command.is_symlink() else None
            if self.command.exists() and leads not in (self.program, self.other):
                return
            self.command.parent.mkdir(parents=True, exist_ok=True)
            self.command.unlink(missing_ok=True)
            self.command.symlink_to(self.program)

    def _is_free(self) -> bool:
        starts = [line for line in _lines(self.entry) if line.startswith("Exec=")]
        if not starts or starts[0] in (_starts(self.program), _starts(self.other)):
            return True
        word = starts[0].removeprefix('Exec="/').removesuffix('"')
        plain = len(word) == len(starts[0]) - len('Exec="/"') and not {"\\", "%", '"'} & set(word)
        return plain and not Path("/", word).exists()


def _share(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or Path.home()
    return Path(environ.get("XDG_DATA_HOME") or Path(home, ".local", "share"))


def _lines(entry: Path) -> list[str]:
    try:
        return entry.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _starts(program: Path) -> str:
    """The line that starts it: a word as the desktop's rules want it quoted."""
    word = str(program)
    for letter in '\\"`$':
        word = word.replace(letter, "\\" + letter)
    word = word.replace("\\", "\\\\").replace("%", "%%")
    return f'Exec="{word}"'
