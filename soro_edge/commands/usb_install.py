"""`soro usb install`, `check`, `back`, `remove`: what a teacher sees of them, in plain lines."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from soro_edge.commands.confirm import confirm
from soro_edge.commands.models import progress_bar
from soro_edge.commands.program import Program
from soro_edge.engine.hardware import is_below_avx2, total_memory_bytes
from soro_edge.locale import _
from soro_edge.paths import find_paths, installation_folder
from soro_edge.stick import releases
from soro_edge.stick.errors import NoStick
from soro_edge.stick.going_back import go_back
from soro_edge.stick.installed import Installation, running_installation
from soro_edge.stick.installing import Done, Order, Step, install
from soro_edge.stick.launchers import Launchers
from soro_edge.stick.program import InstalledProgram
from soro_edge.stick.reading import Stick, open_stick, this_system
from soro_edge.stick.removing import remove
from soro_edge.stick.signing import short


def run_install(
    program: Program,
    stick: Path | None,
    to: Path | None,
    *,
    model: str,
    no_tune: bool,
    no_menu: bool,
) -> None:
    """Raises StickError, ModelError, StorageError."""
    opened = open_stick(find_stick(stick))
    installation = _installation(to)
    _tell(_("Soro {version}, from {stick}"), version=opened.manifest.version, stick=opened.root)
    _tell(_("to {folder}"), folder=installation.folder)
    order = Order(
        stick=opened,
        installation=installation,
        data=find_paths(portable=False).data,
        system=this_system(),
        memory_bytes=total_memory_bytes(),
        model=model,
        below_avx2=is_below_avx2(),
    )
    with _Screen() as screen:
        done = install(order, screen)
    menu = None
    launchers = Launchers(installation)
    if _in_menu(program, installation) and not no_menu:
        menu = launchers.write_menu()
    if not no_tune and done.model:
        click.echo(_("Measuring this computer: one to five minutes. You may stop it with Ctrl-C."))
        if not _prepare(installation, done.id):
            click.echo(_("It was not measured: «soro tune» does it later."))
    _tell_done(done, opened, launchers, menu)


def run_check(program: Program, stick: Path | None) -> None:
    """Raises StickError."""
    opened = open_stick(find_stick(stick))
    files = opened.manifest.files
    total, done = sum(file.size_bytes for file in files), 0

    with progress_bar(_("checking"), total) as advance:

        def on_bytes(count: int) -> None:
            nonlocal done
            done += count
            advance(done / max(1, total))

        for file in files:
            opened.check_file(file, on_bytes)
    _tell(_("Soro {version}, from {stick}"), version=opened.manifest.version, stick=opened.root)
    _tell(_("All {count} files are whole, {size:.0f} MB."), count=len(files), size=total / 1e6)
    _tell(_("Signed with the key {key}."), key=short(opened.key))
    for stranger in opened.strangers():
        _tell(_("Not of Soro, and never opened: {path}"), path=stranger)
    if left := opened.system_files():
        _tell(_("Left there by macOS or Windows, and never opened: {paths}"), paths=", ".join(left))


def run_back(program: Program, to: Path | None) -> None:
    """Raises StickError, StorageError."""

    def on_kept(path: Path) -> None:
        _tell(_("The history as the newer version had it is kept: {path}"), path=path)

    installation = _installation(to)
    left = installation.facts(installation.installed().current)
    facts = go_back(installation, find_paths(portable=False).data, on_kept)
    if left and facts.release > left.release:
        words = _("The newer version runs again: Soro {version}, {release}.")
    else:
        words = _("The version before runs again: Soro {version}, {release}.")
    _tell(words, version=facts.version, release=_release(facts.release))
    click.echo(_("What pupils wrote is still there."))


def run_remove(program: Program, to: Path | None, *, sure: bool) -> bool:
    """Whether a person agreed. Raises NotInstalled, StillRunning, InstallationBusy, StorageError."""
    installation = _installation(to)
    in_menu = _in_menu(program, installation)
    if in_menu and installation.read() is None:
        # A removal that was cut may have left what starts nothing.
        Launchers(installation).remove_menu()
    if not sure and not agrees_to_remove(program, to):
        return False
    installation.installed()
    remove(installation)
    if in_menu:
        Launchers(installation).remove_menu()
    click.echo(_("Deleted."))
    if installation.folder.exists():
        # Windows keeps what is in use; a person may have put something there.
        _tell(_("A rest that is in use stays: {folder}"), folder=installation.folder)
    return True


def agrees_to_remove(program: Program, to: Path | None) -> bool:
    """Asked, and told what stays. Raises NotInstalled, StorageError."""
    installation = _installation(to)
    installation.installed()
    _tell(_("The program in {folder} will be deleted."), folder=installation.folder)
    _tell(_("What pupils wrote stays: {folder}"), folder=find_paths(portable=False).data)
    if confirm(_("Delete it?")):
        return True
    click.echo(_("Nothing was deleted."))
    return False


def find_stick(stick: Path | None) -> Path:
    """The folder named, or the stick that this program runs from. Raises NoStick."""
    if stick is not None:
        return stick.absolute()
    for level in Path(sys.executable).absolute().parents:
        if (level / "soro" / "manifest.json").exists():
            return level
    raise NoStick(path=str(Path.cwd()))


def _in_menu(program: Program, installation: Installation) -> bool:
    """Whether it is the one of this person; others are for trying out."""
    return installation.folder == installation_folder() and program.paths.mode != "SORO_HOME"


def _installation(to: Path | None) -> Installation:
    if to is not None:
        return Installation(to.absolute())
    return running_installation() or Installation(installation_folder())


def _release(release: int) -> str:
    """When a stick was made, as a date, where its maker gave no number of his own."""
    try:
        made = datetime.strptime(str(release), releases.TIME)
    except ValueError:
        return str(release)
    return made.strftime("%Y-%m-%d %H:%M")


def _tell(words: str, **fields: object) -> None:
    click.echo(words.format(**fields))


def _tell_done(done: Done, stick: Stick, launchers: Launchers, menu: Path | None) -> None:
    click.echo()
    if done.version_before:
        _tell(
            _("Updated: Soro {version} instead of {before}."),
            version=done.version,
            before=done.version_before,
        )
        click.echo(_("If it does not serve you: number 4 on the stick, or «soro usb back»."))
    elif done.copied_bytes:
        _tell(_("Installed: Soro {version}."), version=done.version)
    else:
        _tell(_("Soro {version} was here already, and is whole."), version=done.version)
    if done.answer:
        _tell(
            _("Model: {model}. Its first answer: «{answer}»"), model=done.model, answer=done.answer
        )
    _tell(
        _("Copied: {size:.0f} MB in {seconds:.0f} s."),
        size=done.copied_bytes / 1e6,
        seconds=done.copy_seconds,
    )
    _tell(_("Signed with the key {key}."), key=short(stick.key))
    if menu:
        click.echo(_("Start it from the menu of this computer: «Soro»."))
        _tell(_("Or with: {program}"), program=launchers.program)
    else:
        _tell(_("Start it with: {program}"), program=launchers.program)


def _prepare(installation: Installation, id_: str) -> bool:
    """What is installed runs without it, so it may be interrupted."""
    try:
        return InstalledProgram(installation.program(id_)).prepare()
    except KeyboardInterrupt:
        return False


class _Screen:
    """Progress as lines and one bar. Labels are asked for when they are shown: in that language."""

    def __init__(self) -> None:
        self._bar: progress_bar | None = None
        self._advance: Callable[[float], None] | None = None
        self._total_bytes = 0
        self._done_bytes = 0

    def __enter__(self) -> "_Screen":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.__exit__()
            self._bar = None

    def begin(self, step: Step, total_bytes: int) -> None:
        self.__exit__()
        words = {
            Step.COPY: _("Copying"),
            Step.SYNC: _("Writing all of it to the disk"),
            Step.TEST: _("Testing: the new version answers one question"),
            Step.KEEP: _("Keeping what pupils wrote"),
            Step.SWITCH: _("Switching to the new version"),
            Step.TIDY: _("Tidying up"),
        }[step]
        self._total_bytes, self._done_bytes = total_bytes, 0
        if total_bytes and sys.stderr.isatty():
            self._bar = progress_bar(words, total_bytes)
            self._advance = self._bar.__enter__()
        else:
            click.echo(f"{words} …")

    def advance(self, count: int) -> None:
        self._done_bytes += count
        if self._advance and self._total_bytes:
            self._advance(max(0.0, self._done_bytes / self._total_bytes))
