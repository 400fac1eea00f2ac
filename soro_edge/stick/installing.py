"""One installation from a stick, as steps that may end anywhere and begin again.

A version is copied into a folder of its own, tested there, and only then does the pointer name it: until
then whatever ran before runs on. Nothing here is shown to people; `Progress` is told what is done.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from soro_edge.errors import HistoryBusy, SoroError
from soro_edge.history.gate import Gate
from soro_edge.history.older import all_histories, copy_before
from soro_edge.models import ModelFolder
from soro_edge.paths import Paths, make_folder, write_whole
from soro_edge.stick.choosing import check_lengths, choose_model, files_for
from soro_edge.stick.copying import Copier, Copy, sync_files
from soro_edge.stick.errors import (
    InstallationBusy,
    NoRoom,
    OlderStick,
    UntrustedStick,
)
from soro_edge.stick.installed import Facts, Installation, Pointer
from soro_edge.stick.launchers import Launchers
from soro_edge.stick.manifest import Group, StickFile, StickModel, read_manifest
from soro_edge.stick.program import InstalledProgram
from soro_edge.stick.reading import MANIFEST, Stick
from soro_edge.stick.signing import short

RESERVE_BYTES = 200_000_000
"""Left free on the disk: histories, what the model has read, the system itself."""
_LOCK_SECONDS = 0.5


class Step(StrEnum):
    """What is being done."""

    COPY = "copy"
    SYNC = "sync"
    TEST = "test"
    KEEP = "keep"
    SWITCH = "switch"
    TIDY = "tidy"


class Progress(Protocol):
    """Whoever shows it."""

    def begin(self, step: Step, total_bytes: int) -> None:
        """A step begins; 0 bytes where it has no measure."""

    def advance(self, count: int) -> None:
        """So many bytes more (or fewer, where a file begins anew)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is installed where."""

    stick: Stick
    installation: Installation
    data: Path
    """Of the installed program: pupils' histories."""
    system: Group | None
    memory_bytes: int
    """Of the whole computer."""
    model: str = ""
    """Its name; empty takes the one that suits."""
    below_avx2: bool = False
    """Whether the processor lacks AVX2: then some types of weights are slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a person is told at the end."""

    id: str
    version: str
    version_before: str
    """Empty at the first installation, or where the same was installed again."""
    model: str
    """Its title."""
    answer: str
    """Of the self-test."""
    copied_bytes: int
    """From the stick; the rest was here already."""
    copy_seconds: float
    histories_kept: int


def install(order: Order, progress: Progress) -> Done:
    """Raises StickError, ModelError, StorageError; the version that ran before then still runs."""
    installation, stick = order.installation, order.stick
    model = choose_model(
        stick.manifest, order.model, order.memory_bytes, below_avx2=order.below_avx2
    )
    files = files_for(stick.manifest, order.system, model)
    if os.name == "nt":
        check_lengths(str(installation.version(stick.id)), files)
    make_folder(installation.folder / "versions")
    with locked(installation):
        pointer = installation.read()
        _check_trust(stick, pointer)
        # What another stick left half copied only takes space.
        kept = {pointer.current, pointer.previous} if pointer else set()
        installation.remove_others({stick.id, *kept})
        if pointer:
            _link_models(installation, pointer.current, stick.id, files)
        _check_room(installation, stick.id, files)
        began = time.monotonic()
        copied = _copy(order, files, progress)
        copy_seconds = time.monotonic() - began
        progress.begin(Step.TEST, 0)
        _remove_foreign_models(installation, stick.id, files, _running_model(pointer, order))
        answer, steps = _test(installation, stick.id, model)
        progress.begin(Step.KEEP, 0)
        histories = [copy_before(files, steps) for files in all_histories(order.data)]
        progress.begin(Step.SWITCH, 0)
        facts = Facts(
            version=stick.manifest.version,
            release=stick.manifest.release,
            history_steps=steps,
            model=model.name if model else "",
            key=stick.key,
        )
        before = _switch(order, pointer, facts)
        progress.begin(Step.TIDY, 0)
        _tidy(installation, stick.id, files)
    return Done(
        id=stick.id,
        version=facts.version,
        version_before=before,
        model=model.title if model else "",
        answer=answer,
        copied_bytes=copied,
        copy_seconds=copy_seconds,
        histories_kept=sum(kept is not None for kept in histories),
    )


@contextmanager
def locked(installation: Installation) -> Iterator[None]:
    """One at a time. Raises InstallationBusy, StorageError."""
    gate = Gate(installation.lock_file)
    try:
        alone = gate.enter(_LOCK_SECONDS)
    except HistoryBusy:
        alone = False
    try:
        if not alone:
            raise InstallationBusy(path=str(installation.folder))
        yield
    finally:
        gate.leave()


def check_key(stick: Stick, pointer: Pointer) -> None:
    """Raises UntrustedStick."""
    if stick.key != pointer.key:
        raise UntrustedStick(key=short(stick.key), trusted=short(pointer.key))


def _check_trust(stick: Stick, pointer: Pointer | None) -> None:
    """The first stick is believed; from then on only its maker's, and none that is older."""
    if pointer is None:
        return
    check_key(stick, pointer)
    if stick.manifest.release < pointer.release:
        raise OlderStick(version=stick.manifest.version, release=stick.manifest.release)


def _link_models(
    installation: Installation, current: str, id_: str, files: Sequence[StickFile]
) -> None:
    """A model that did not change is not copied: one file, two names, hashed like any other."""
    if current == id_:
        return
    old, new = installation.version(current), installation.version(id_)
    try:
        listed = read_manifest((old / MANIFEST).read_bytes()).files
    except (OSError, SoroError):
        return
    same = {(file.target, file.sha256) for file in listed}
    for file in files:
        if file.group is Group.MODEL and (file.target, file.sha256) in same:
            target = new / file.target
            # Where it cannot be linked it is copied.
            with suppress(OSError):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(old / file.target)


def _check_room(installation: Installation, id_: str, files: Sequence[StickFile]) -> None:
    need = RESERVE_BYTES
    for file in files:
        need += file.size_bytes
        with suppress(OSError):
            here = (installation.version(id_) / file.target).stat().st_size
            need -= min(here, file.size_bytes)
    free = shutil.disk_usage(installation.folder).free
    if need > free:
        raise NoRoom(
            need_mb=-(-need // 1_000_000), free_mb=free // 1_000_000, path=str(installation.folder)
        )


def _copy(order: Order, files: Sequence[StickFile], progress: Progress) -> int:
    """All files, checked and safe on the disk; how many bytes came from the stick."""
    folder = order.installation.version(order.stick.id)
    progress.begin(Step.COPY, sum(file.size_bytes for file in files))
    copied = 0
    with Copier() as copier:
        for file in files:
            copy = Copy(
                sources=order.stick.sources(file),
                target=folder / file.target,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                runs=file.runs,
            )
            copied += copier.bring(copy, progress.advance)
    write_whole(folder / MANIFEST, order.stick.document)
    progress.begin(Step.SYNC, 0)
    sync_files(copier.written, folder)
    return copied


def _test(installation: Installation, id_: str, model: StickModel | None) -> tuple[str, int]:
    """The new program's first answer, in a folder that is thrown away, and its history's steps."""
    program = InstalledProgram(installation.program(id_))
    steps = program.history_steps()
    if model is None:
        return "", steps
    home = installation.folder / "trial"
    shutil.rmtree(home, ignore_errors=True)
    try:
        _spare_second_hashing(
            installation.version(id_) / "soro-models" / f"{model.name}.toml", home
        )
        return program.answer(home, model.name), steps
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _spare_second_hashing(manifest: Path, home: Path) -> None:
    from soro_edge.manifest import read_manifest as read_model

    folder = ModelFolder(paths=Paths(data=home, config=home, logs=home, mode="SORO_HOME"))
    folder.note_whole(read_model(manifest))


def _switch(order: Order, pointer: Pointer | None, facts: Facts) -> str:
    """From here on the new version runs; the version that ran before, where it was another."""
    installation, id_ = order.installation, order.stick.id
    installation.complete(id_, facts)
    Launchers(installation).write()
    if pointer is None:
        installation.point_to(Pointer(current=id_, release=facts.release, key=order.stick.key))
        return ""
    if pointer.current == id_:
        # Written again: it may have been damaged.
        installation.point_to(pointer)
        return ""
    before = pointer.current
    installation.point_to(replace(pointer, current=id_, previous=before, release=facts.release))
    old = installation.facts(before)
    return old.version if old else before


def _tidy(installation: Installation, id_: str, files: Sequence[StickFile]) -> None:
    """Versions before the last one go, and models that were chosen before."""
    pointer = installation.installed()
    installation.remove_others({pointer.current, pointer.previous})
    _remove_foreign_models(installation, id_, files, "")


def _running_model(pointer: Pointer | None, order: Order) -> str:
    """The model that this very version answers with until the switch; empty where another runs."""
    id_ = order.stick.id
    facts = order.installation.facts(id_) if pointer and pointer.current == id_ else None
    return facts.model if facts else ""


def _remove_foreign_models(
    installation: Installation, id_: str, files: Sequence[StickFile], kept: str
) -> None:
    """What an earlier choice or an interrupted one left; a file that is in use stays until later."""
    folder = installation.version(id_) / "soro-models"
    wanted = {Path(file.target).name for file in files if file.group is Group.MODEL}
    wanted |= {f"{kept}.toml", f"{kept}.gguf"} if kept else set()
    with suppress(OSError):
        # The manifests first: without its own no model is found.
        for path in sorted(folder.iterdir(), key=lambda path: (path.suffix != ".toml", path.name)):
            if path.name not in wanted:
                with suppress(OSError):
                    path.unlink()
