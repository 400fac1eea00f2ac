"""`soro usb make` and `soro usb keygen`, for the maker of sticks alone: English only."""

import os
import sys
from pathlib import Path

import click

from soro_edge.commands.models import progress_bar
from soro_edge.commands.program import Program
from soro_edge.gguf_header import read_header
from soro_edge.locale import _
from soro_edge.stick.errors import KeyExists, NobodyToAsk, NoModelToPut
from soro_edge.stick.making import check_options, make_stick
from soro_edge.stick.manifest import Group
from soro_edge.stick.old_processors import slow_families
from soro_edge.stick.planning import StickOptions
from soro_edge.stick.releases import keep_release, last_release
from soro_edge.stick.signing import Signature, is_sealed, make_key, short, sign

_PASSPHRASE = "SORO_PASSPHRASE"


def run_make(
    program: Program,
    directory: Path,
    *,
    models: tuple[Path, ...],
    banks: tuple[Path, ...],
    linux: Path,
    windows: Path,
    without: tuple[str, ...],
    key: Path | None,
    release: int,
) -> None:
    """Raises CannotMake, StickError, ModelError, StorageError."""
    key = key or default_key(program)
    sealed = is_sealed(key)
    if not models and "model" not in without:
        raise NoModelToPut
    bundles = {Group.LINUX: linux, Group.WINDOWS: windows}
    options = StickOptions(
        root=directory,
        bundles={group: folder for group, folder in bundles.items() if group not in without},
        models=models,
        banks=banks,
        release=release,
        last_release=last_release(key),
    )
    # Before anybody is asked for anything, and before the long work.
    check_options(options)
    passphrase = _passphrase(key, confirm=False) if sealed else ""
    sign(b"", key, passphrase)

    def sign_with_key(document: bytes) -> Signature:
        return sign(document, key, passphrase)

    with _Bars() as tell:
        stick = make_stick(options, sign_with_key, tell)
    manifest = stick.manifest
    keep_release(key, manifest.release)
    size = sum(file.size_bytes for file in manifest.files)
    click.echo(f"{stick.id}, release {manifest.release}, key {short(stick.key)}")
    for model in manifest.models:
        click.echo(
            f"model {model.name}: {model.size_bytes / 1e6:.0f} MB,"
            f" at least {model.memory_bytes / 1e6:.0f} MB of memory"
        )
    systems = ", ".join(group for group in bundles if group not in without)
    click.echo(
        f"{len(manifest.files)} files, {size / 1e6:.0f} MB for {systems}: written and read back."
    )
    for name in slow_families(read_header(path) for path in models):
        click.echo(
            f"{name} will be slow on processors without AVX2: most of its weights have types without"
            " code for them. Add the same model as a file of Q4_0 with --model; each computer takes"
            " the file that suits it.",
            err=True,
        )


def run_keygen(program: Program, key: Path | None, *, sealed: bool) -> None:
    """Raises KeyExists, NobodyToAsk, StorageError."""
    file = key or default_key(program)
    if os.path.lexists(file):
        # Before anybody thinks of a passphrase.
        raise KeyExists(path=str(file))
    public = make_key(file, _passphrase(file, confirm=True) if sealed else "")
    click.echo(f"{file}\nkey {short(public)}")
    click.echo("Keep a copy in a safe place: computers that trust this key accept no other.")


def default_key(program: Program) -> Path:
    return program.paths.config / "maker.key"


def _passphrase(key: Path, *, confirm: bool) -> str:
    """Raises NobodyToAsk."""
    given = os.environ.get(_PASSPHRASE)
    if given is not None:
        return given
    if not _can_ask():
        raise NobodyToAsk
    typed: str = click.prompt(
        _("Passphrase"), hide_input=True, confirmation_prompt=confirm, err=True
    )
    return typed


def _can_ask() -> bool:
    return bool(sys.stdin and sys.stdin.isatty())


class _Bars:
    """One progress bar after the other, as the labels change."""

    def __init__(self) -> None:
        self._label = ""
        self._bar: progress_bar | None = None

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.__exit__()

    def __call__(self, label: str, fraction: float) -> None:
        if label != self._label or self._bar is None:
            self.__exit__()
            self._label, self._bar = label, progress_bar(label)
        self._bar.__enter__()(fraction)
