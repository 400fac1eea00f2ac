"""Models come into the person's folder and leave it.

A model is copied, then tried, and only then has a name: what cannot answer never becomes the model in use.
Knows files and manifests; the trial is whoever's calls.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from soro_edge.errors import BadOption
from soro_edge.manifest import LONGEST_NEW_NAME, NAME, NAME_RULE, Manifest, write_manifest
from soro_edge.model_errors import (
    BadManifest,
    ModelDamaged,
    ModelExists,
    ModelNotReadable,
    ModelStays,
    NoModel,
)
from soro_edge.models import ModelFolder, Progress, manifest_of
from soro_edge.paths import make_folder, storage_error, write_whole

Trial = Callable[[Path, Manifest], None]
"""Raises SoroError where the model in that file cannot answer."""

_CHUNK_BYTES = 1 << 20
_FILE_NAME = re.compile(r"\w[\w .()+-]*\.gguf", re.IGNORECASE)
"""One that every system takes, a stick's included."""
_LONGEST_NAME_BYTES = 200
_NAMES_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_PART = re.compile(r".+\.(\d+)\.part")
_ABANDONED_SECONDS = 24 * 3600.0


def add_model(
    folder: ModelFolder,
    source: Path,
    name: str,
    *,
    trial: Trial,
    on_progress: Progress = lambda _fraction: None,
) -> Manifest:
    """Copy a GGUF (and the manifest beside it, if there is one) into the models folder.

    Raises NoModelFile, FolderNotModel, NotAModel, NotAChatModel, ModelCutShort, ModelDamaged, ModelExists,
    StorageError, BadManifest, BadOption where the name cannot be a file's, and what `trial` raises.
    """
    if name and not _can_be_named(name):
        raise BadOption(name="name", value=name[:80], reason=NAME_RULE, source="--name")
    manifest = manifest_of(source)
    name = name or manifest.name
    if not _can_be_named(name):
        raise BadManifest(path=str(source.with_suffix(".toml")), reason=f"name: {NAME_RULE}")
    models = make_folder(folder.paths.models_folder)
    given = source.name if name == manifest.name and _can_be_file(source.name) else ""
    manifest = replace(
        manifest, name=name, file_name=given or f"{name}.gguf", path=models / f"{name}.toml"
    )
    _check_free(folder, manifest)
    _remove_abandoned_parts(models)
    target = models / manifest.file_name
    with _part_of(target) as part:
        sha256 = _copy(source, part, on_progress)
        if manifest.sha256 and sha256 != manifest.sha256:
            raise ModelDamaged(path=str(source))
        trial(part, manifest)
        _check_free(folder, manifest)  # another may have been added meanwhile
        try:
            part.replace(target)
        except OSError as error:
            raise storage_error(error, target) from error
    manifest = replace(
        manifest, sha256=sha256, sha256_from=manifest.sha256_from if manifest.sha256 else "copy"
    )
    write_whole(manifest.path, write_manifest(manifest).encode("utf-8"))
    return manifest


def remove_model(folder: ModelFolder, name: str) -> None:
    """Delete a model that a person added: its manifest, readable or not, and its file.

    Raises NoModel, ModelStays, StorageError.
    """
    models = folder.paths.models_folder
    manifests = folder.all()
    own = [one for one in manifests if one.name == name and one.path.parent == models]
    if own:
        doomed = [own[0].path, models / own[0].file_name]
    elif _can_be_named(name) and (models / f"{name}.toml").is_symlink():
        doomed = [models / f"{name}.toml"]
    elif _can_be_named(name) and (models / f"{name}.toml").exists():
        doomed = [models / f"{name}.toml", models / f"{name}.gguf"]
    elif any(one.name == name for one in manifests):
        raise ModelStays(name=name)
    elif _can_be_named(name) and (models / f"{name}.gguf").exists():
        doomed = [models / f"{name}.gguf"]
    else:
        raise NoModel(name=name)
    needed = {one.file_name for one in manifests if one.path.parent == models and one.name != name}
    try:
        # The manifest first: without it nothing looks for the file.
        for path in doomed:
            if path.name not in needed:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def _can_be_named(name: str) -> bool:
    return (
        NAME.fullmatch(name) is not None
        and len(name) <= LONGEST_NEW_NAME
        and len(name.encode("utf-8", "replace")) <= _LONGEST_NAME_BYTES
        and not _NAMES_OF_WINDOWS.fullmatch(name)
        and not name.endswith(".")
    )


def _can_be_file(name: str) -> bool:
    return (
        _FILE_NAME.fullmatch(name) is not None
        and len(name.encode("utf-8", "replace")) <= _LONGEST_NAME_BYTES
        and not _NAMES_OF_WINDOWS.fullmatch(name)
    )


def _check_free(folder: ModelFolder, manifest: Manifest) -> None:
    """Raises ModelExists where a model has the name, or another's manifest names the file."""
    for other in folder.all():
        same_file = (
            other.path.parent == manifest.path.parent and other.file_name == manifest.file_name
        )
        if other.name == manifest.name or same_file:
            raise ModelExists(name=other.name)
    if manifest.path.exists() or manifest.path.is_symlink():  # one that cannot be read
        raise ModelExists(name=manifest.name)


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """A file of this process alone for what is to become `target`; gone in the end."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _remove_abandoned_parts(folder: Path) -> None:
    """What a process that was killed, or a power cut, left of a copy."""
    import psutil

    with suppress(OSError):
        for path in folder.glob("*.part"):
            with suppress(OSError):
                age_seconds = time.time() - path.stat().st_mtime
                match = _PART.fullmatch(path.name)
                ended = match is None or not psutil.pid_exists(int(match[1]))
                if ended or age_seconds > _ABANDONED_SECONDS:
                    path.unlink()


def _copy(source: Path, target: Path, on_progress: Progress) -> str:
    """Copy and hash in one reading; the SHA-256 in hex. Raises ModelNotReadable, StorageError."""
    digest = hashlib.sha256()
    try:
        with target.open("wb") as writing:
            for chunk in _chunks(source, on_progress):
                writing.write(chunk)
                digest.update(chunk)
            writing.flush()
            os.fsync(writing.fileno())
        shutil.copystat(source, target)
    except OSError as error:
        raise storage_error(error, target) from error
    return digest.hexdigest()


def _chunks(source: Path, on_progress: Progress) -> Iterator[bytes]:
    try:
        size, done = max(1, source.stat().st_size), 0
        with source.open("rb") as reading:
            while chunk := reading.read(_CHUNK_BYTES):
                yield chunk
                done += len(chunk)
                on_progress(done / size)
    except OSError as error:
        raise ModelNotReadable(reason=error.strerror or "?", path=str(source)) from error
