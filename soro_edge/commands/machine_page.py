"""`soro doctor --to-stick`: one page about this computer that a teacher can carry back.

Machine, speed, faults, versions. Nothing of what pupils wrote, and no person's name: the home folder is
`~`, and of a fault of the program its kind and place stand here, without its words.
"""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from soro_edge.commands.doctor import Check, check_line, examine, exit_code, verdict
from soro_edge.commands.program import Program
from soro_edge.errors import FolderNotWritable, NoFolder, StorageError
from soro_edge.locale import _
from soro_edge.paths import installation_folder, write_whole
from soro_edge.stick.errors import PageNotWritten
from soro_edge.stick.installed import Installation

_LOG_LINES = 20
_STOPPED = re.compile(
    r"failed to decode, ret = 2\b"
    r"|failed to compute graph, compute status: 1\b"
    r"|compute_async failed with error 1\b"
    r"|^decode: removing memory module entries"
)
"""GGML_STATUS_ABORTED: Stop was pressed, or a question was typed while something was read ahead."""


def run_machine_page(program: Program, folder: Path) -> int:
    """Show the checks, write the page; the exit code of the checks. Raises StorageError, PageNotWritten."""
    if not folder.is_dir():
        raise NoFolder(path=str(folder))
    checks = []
    for check in examine(program):
        click.echo(check_line(check))
        checks.append(check)
    click.echo("\n" + verdict(checks))
    page = page_text(program, checks)
    file = _free_name(folder)
    try:
        write_whole(file, page.replace("\n", "\r\n").encode("utf-8-sig"))
    except FolderNotWritable as error:
        raise PageNotWritten(path=str(folder), reason=error.fields["reason"]) from error
    click.echo(_("Written: {file}").format(file=file))
    return exit_code(checks)


def page_text(program: Program, checks: Sequence[Check]) -> str:
    """The page, with the home folder's name left out."""
    parts = [
        ("SORO", time.strftime("%Y-%m-%d %H:%M")),
        ("CHECKS", "\n".join(map(check_line, checks)) + "\n\n" + verdict(checks)),
        ("INSTALLED", _installed()),
        ("TUNING", _text(program.paths.tuning_file)),
        ("FAULT", _fault(program.paths.logs / "fault.log")),
        ("ENGINE", "\n".join(_engine_lines(program.paths.engine_log)[-_LOG_LINES:])),
    ]
    page = "\n\n".join(f"== {title}\n{text.strip()}" for title, text in parts if text.strip())
    return page.replace(str(Path.home()), "~") + "\n"


def _engine_lines(log_file: Path) -> list[str]:
    """The engine's log without the lines in which llama.cpp calls a pupil's Stop a failure."""
    return [line for line in _text(log_file).splitlines() if not _STOPPED.search(line)]


def _free_name(folder: Path) -> Path:
    """Many computers of a class write to one stick, and their clocks may stand."""
    number = 1
    while (folder / f"soro-computer-{number}.txt").exists():
        number += 1
    return folder / f"soro-computer-{number}.txt"


def _installed() -> str:
    """Versions and releases; without the files."""
    installation = Installation(installation_folder())
    with suppress(StorageError):
        pointer = installation.read()
        if pointer:
            facts = installation.facts(pointer.current)
            model = facts.model if facts else "?"
            return f"{pointer.current} before: {pointer.previous or '-'} model: {model}"
    return ""


def _fault(file: Path) -> str:
    """Kind and places of the last fault. Its message may hold a pupil's words and is left out."""
    lines = _text(file).splitlines()
    places = [line.strip() for line in lines if line.startswith('  File "')]
    kind = next((line.split(":")[0] for line in reversed(lines) if line[:1].strip()), "")
    return "\n".join([kind, *places]) if places else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
