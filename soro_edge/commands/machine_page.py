"""`soro doctor --to-stick`: one page about this computer that a teacher can carry back.

Machine, speed, faults, versions. Nothing of what pupils wrote, and no person's name: the home folder is
`~`, and of a fault of the program its kind and place stand here, without its words.
"""

import io
import time
from contextlib import redirect_stdout, suppress
from pathlib import Path

import click

from soro_edge.commands.doctor import run_doctor
from soro_edge.commands.program import Program
from soro_edge.errors import FolderNotWritable, NoFolder, StorageError
from soro_edge.locale import _
from soro_edge.paths import installation_folder, write_whole
from soro_edge.stick.errors import PageNotWritten
from soro_edge.stick.installed import Installation

_LOG_LINES = 20


def run_machine_page(program: Program, folder: Path) -> int:
    """Show the checks, write the page; the exit code of the checks. Raises StorageError, PageNotWritten."""
    if not folder.is_dir():
        raise NoFolder(path=str(folder))
    # With an encoding, as the real one has: the page tells of it.
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(told):
        code = run_doctor(program)
    told.seek(0)
    checks = told.read()
    click.echo(checks, nl=False)
    parts = [
        ("SORO", time.strftime("%Y-%m-%d %H:%M")),
        ("CHECKS", checks),
        ("INSTALLED", _installed()),
        ("TUNING", _text(program.paths.tuning_file)),
        ("FAULT", _fault(program.paths.logs / "fault.log")),
        ("ENGINE", "\n".join(_text(program.paths.engine_log).splitlines()[-_LOG_LINES:])),
    ]
    page = "\n\n".join(f"== {title}\n{text.strip()}" for title, text in parts if text.strip())
    page = page.replace(str(Path.home()), "~") + "\n"
    file = _free_name(folder)
    try:
        write_whole(file, page.replace("\n", "\r\n").encode("utf-8-sig"))
    except FolderNotWritable as error:
        raise PageNotWritten(path=str(folder), reason=error.fields["reason"]) from error
    click.echo(_("Written: {file}").format(file=file))
    return code


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
