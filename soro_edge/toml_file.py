"""Small TOML files that a person may have edited or a machine may have spoiled.

Reads a bounded number of bytes of plain files alone: a pipe is not waited for, a huge file is not read.
Knows nothing of what the tables mean.
"""

import errno
import os
import re
import stat
import tomllib
from pathlib import Path

from soro_edge.locale import _

LARGEST_BYTES = 1 << 20


class TomlUnreadable(ValueError):
    """What is wrong with the file, in a few words in the language in use."""


def read_toml(path: Path, most_bytes: int = LARGEST_BYTES) -> dict[str, object]:
    """The tables of the file. A byte-order mark, which Notepad writes, is passed over.

    Raises FileNotFoundError where there is no file, TomlUnreadable where there is no such table in it.
    """
    try:
        data = _read_plain(path, most_bytes)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
    except OSError as error:
        raise TomlUnreadable(error.strerror or str(error)) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TomlUnreadable(_("it is not saved as UTF-8")) from error
    if "\0" in text:
        raise TomlUnreadable(_("it holds bytes that are no text"))
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise TomlUnreadable(_("it is nested too deep")) from error
    except ValueError as error:  # a line that is no TOML, a date that is none, a number too long
        raise TomlUnreadable(_wrong_line(str(error))) from error


def _read_plain(path: Path, most_bytes: int) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    # Asked first: opening some devices does something. Windows opens no folder.
    if not stat.S_ISREG(path.stat().st_mode):
        raise TomlUnreadable(_("it is no plain file"))
    with open(os.open(path, flags), "rb") as stream:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise TomlUnreadable(_("it is no plain file"))
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise TomlUnreadable(_("it is larger than {most} KB").format(most=most_bytes // 1024))
    return data


def _wrong_line(fault: str) -> str:
    """The place alone: the parser's own words are English and speak of its grammar."""
    line = re.search(r"at line (\d+)", fault)
    if line:
        return _("line {number} is no TOML").format(number=line[1])
    if "end of document" in fault:
        return _("its end is no TOML")
    return _("a value in it is no TOML")
