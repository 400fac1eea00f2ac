"""Writes a stick: bundles, models, banks, what people click, the manifest, its signature; reads it back.

The signature is taken away first and written last: a stick that is half made is refused. Runs on the
maker's computer, so its sentences are English.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize

from soro_edge.errors import FolderNotWritable
from soro_edge.gguf_header import read_header
from soro_edge.paths import (
    PORTABLE_FOLDER,
    check_writable,
    make_folder,
    storage_error,
    write_whole,
)
from soro_edge.stick import manifest as stick_manifest
from soro_edge.stick.bundle import Bundle
from soro_edge.stick.copying import Copier, Copy, OnBytes, sync_files
from soro_edge.stick.errors import BadStick, CannotMake, StickError, StickNotWritable
from soro_edge.stick.manifest import Group, StickFile, StickManifest
from soro_edge.stick.names import folded, put_there_by_a_system
from soro_edge.stick.planning import (
    CHANGED_HINT,
    Planned,
    StickOptions,
    Tell,
    plan_file,
    plan_model,
    plan_programs,
    plan_top,
)
from soro_edge.stick.reading import FOLDER, MANIFEST, SIGNATURE, Stick, open_stick
from soro_edge.stick.releases import next_release
from soro_edge.stick.signing import Signature, write_signature

_NAME_A_FILE = "Name a file that can be read."
_BEGUN = "begun"
"""Lies there while a stick is made, so that an interrupted one is known again."""


def make_stick(options: StickOptions, sign: Callable[[bytes], Signature], tell: Tell) -> Stick:
    """The stick, read back and compared. Raises CannotMake, StickError, ModelError, StorageError."""
    check_options(options)
    planned = list(plan_programs(options)) + list(plan_top())
    models = []
    for path in options.models:
        model, files = plan_model(path, options.part_bytes, tell)
        models.append(model)
        planned += files
    planned += [
        # A Mac gives names whose letters are in two, й as и and a breve.
        plan_file(bank, f"soro/soro-banks/{normalize('NFC', bank.name)}", Group.BANK)
        for bank in options.banks
    ]
    manifest = StickManifest(
        version=_one_version(options.bundles),
        release=next_release(
            options.release, max(options.last_release, _release_there(options.root))
        ),
        files=tuple(one.file for one in planned),
        models=tuple(models),
    )
    _check(manifest)
    document = stick_manifest.write_manifest(manifest)
    signature = write_signature(sign(document))
    try:
        _check_room(options.root, planned)
        _write(options.root, planned, tell)
        write_whole(options.root / FOLDER / MANIFEST, document)
        write_whole(options.root / FOLDER / SIGNATURE, signature)
        _delete(options.root / FOLDER / _BEGUN)
    except FolderNotWritable as error:
        raise StickNotWritable(**error.fields) from error
    return read_back(options.root, tell)


def check_options(options: StickOptions) -> None:
    """Whatever can be known before anything long: what is named is here, and the stick can be written.

    Raises CannotMake, StickNotWritable, ModelError.
    """
    _one_version(options.bundles)
    for model in options.models:
        read_header(model)
    for bank in options.banks:
        if not bank.is_file():
            raise CannotMake(reason=f"There is no file {bank}.", advice=_NAME_A_FILE)
    try:
        _check_place(options.root / FOLDER)
        _check_writable(options.root / FOLDER)
    except FolderNotWritable as error:
        raise StickNotWritable(**error.fields) from error


def _check_writable(folder: Path) -> None:
    """Raises FolderNotWritable. What is not there yet is tried in the nearest folder that is."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    check_writable(folder / ".soro-trial")


def read_back(root: Path, tell: Tell) -> Stick:
    """Open and read all of it from the stick itself, not from memory where that can be had."""
    stick = open_stick(root)
    for stranger in stick.strangers():
        raise CannotMake(
            reason=f"Somebody wrote to the stick meanwhile: {stranger}", advice=CHANGED_HINT
        )
    total, done = sum(file.size_bytes for file in stick.manifest.files), 0
    for file in stick.manifest.files:
        for source in stick.sources(file):
            _forget_cached(source)
        stick.check_file(file, lambda count: None)
        done += file.size_bytes
        tell("reading back", done / max(1, total))
    return stick


def _one_version(bundles: Mapping[Group, Path]) -> str:
    versions = {group: Bundle.open(folder, group).version for group, folder in bundles.items()}
    if len(set(versions.values())) != 1:
        told = ", ".join(f"{group} {version}" for group, version in versions.items())
        raise CannotMake(
            reason=f"The bundles are not of one version: {told or 'there is none'}.",
            advice="Build them from the same commit.",
        )
    return next(iter(versions.values()))


def _release_there(root: Path) -> int:
    """Of the stick that is written again; 0 where there is none."""
    with suppress(StickError):
        return open_stick(root).manifest.release
    return 0


def _check(manifest: StickManifest) -> None:
    """What is written must be what a stick accepts."""
    try:
        stick_manifest.read_manifest(stick_manifest.write_manifest(manifest))
    except BadStick as error:
        raise CannotMake(
            reason=f"A stick cannot hold this: {error.fields['reason']}.",
            advice="Rename the file, or name another.",
        ) from error


def _check_place(folder: Path) -> None:
    """What is not listed is deleted there, so it must be a stick's folder."""
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        names = {name for name in names if not put_there_by_a_system(name)}
    except OSError as error:
        raise storage_error(error, folder) from error
    if names - {PORTABLE_FOLDER} and not names & {MANIFEST, SIGNATURE, _BEGUN}:
        raise CannotMake(
            reason=f"{folder} is there already, and is no stick's.",
            advice="Name an empty folder or a stick of Soro.",
        )


def _check_room(root: Path, planned: Sequence[Planned]) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise storage_error(error, root) from error
    need = 0
    for one in planned:
        for piece in one.file.pieces:
            with suppress(OSError):
                need -= (root / piece.path).stat().st_size
            need += piece.size_bytes
    if need > free:
        raise CannotMake(
            reason=f"{root} has {free // 1_000_000} MB free, and {need // 1_000_000} MB are needed.",
            advice="Use a larger stick, or leave a model out.",
        )


def _write(root: Path, planned: Sequence[Planned], tell: Tell) -> None:
    total, done = sum(one.file.size_bytes for one in planned), 0

    def on_bytes(count: int) -> None:
        nonlocal done
        done += count
        tell("writing", done / max(1, total))

    make_folder(root / FOLDER)
    write_whole(root / FOLDER / _BEGUN, b"")
    for name in (SIGNATURE, MANIFEST):
        _delete(root / FOLDER / name)
    _delete_strangers(root, planned)
    with Copier() as copier:
        for one in planned:
            if one.source:
                _write_pieces(root, one.file, one.source, copier, on_bytes)
            else:
                _write_text(root, one)
                on_bytes(len(one.text))
    sync_files(copier.written, root)


def _write_pieces(
    root: Path, file: StickFile, source: Path, copier: Copier, on_bytes: OnBytes
) -> None:
    skip = 0
    for piece in file.pieces:
        copy = Copy(
            sources=[source],
            target=root / piece.path,
            size_bytes=piece.size_bytes,
            sha256=piece.sha256,
            runs=file.runs,
            skip_bytes=skip,
        )
        try:
            copier.bring(copy, on_bytes)
        except StickError as error:
            raise CannotMake(
                reason=f"{source} changed while it was read.", advice=CHANGED_HINT
            ) from error
        skip += piece.size_bytes


def _write_text(root: Path, planned: Planned) -> None:
    target = root / planned.file.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, target) from error
    write_whole(target, planned.text)
    with suppress(OSError):  # FAT32 has no modes and says so
        target.chmod(0o755 if planned.file.runs else 0o644)


def _delete_strangers(root: Path, planned: Sequence[Planned]) -> None:
    """What an earlier making left; pupils' work of the portable mode stays."""
    known = {folded(piece.path) for one in planned for piece in one.file.pieces}
    known.add(f"{FOLDER}/{_BEGUN}")
    for path in sorted((root / FOLDER).rglob("*"), reverse=True):
        name = folded(path.relative_to(root).as_posix())
        if name == f"{FOLDER}/{PORTABLE_FOLDER}" or name.startswith(f"{FOLDER}/{PORTABLE_FOLDER}/"):
            continue
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.rmdir()  # only where it is empty
        elif name not in known:
            _delete(path)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def _forget_cached(path: Path) -> None:
    """So that reading it reads the stick."""
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
