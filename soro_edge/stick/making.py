"""Writes a stick: bundles, models, banks, what people click, the manifest, its signature; reads it back.

The signature is taken away first and written last: a stick that is half made is refused. Runs on the
maker's computer, so its sentences are English.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from soro_edge.gguf_header import read_header
from soro_edge.manifest import read_manifest, write_manifest
from soro_edge.models import manifest_from_header, memory_needed_bytes, sha256_of
from soro_edge.paths import storage_error
from soro_edge.stick import manifest as stick_manifest
from soro_edge.stick.bundle import Bundle
from soro_edge.stick.copying import Copier, Copy, sync_files
from soro_edge.stick.errors import BadStick, CannotMake, StickError
from soro_edge.stick.installed import write_whole
from soro_edge.stick.manifest import Group, Piece, StickFile, StickManifest, StickModel
from soro_edge.stick.names import LARGEST_FILE_BYTES
from soro_edge.stick.reading import FOLDER, MANIFEST, SIGNATURE, Stick, open_stick
from soro_edge.stick.signing import Signature, write_signature

TOP = Path(__file__).parent / "top"
"""READMEs and start files, as they lie at the stick's top."""
_PART_BYTES = LARGEST_FILE_BYTES // (1 << 20) * (1 << 20)
_CHANGED_HINT = "Run it again when nothing writes there."

Tell = Callable[[str, float], None]
"""Label and fraction of what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StickOptions:
    """What goes on the stick."""

    root: Path
    bundles: Mapping[Group, Path]
    models: Sequence[Path]
    banks: Sequence[Path]
    release: int = 0
    """0 takes the time, and always more than the stick before had."""
    part_bytes: int = _PART_BYTES
    """Larger files are split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A file and where it comes from: another file, or text made here."""

    file: StickFile
    source: Path | None = None
    text: bytes = b""


def make_stick(options: StickOptions, sign: Callable[[bytes], Signature], tell: Tell) -> Stick:
    """The stick, read back and compared. Raises CannotMake, StickError, ModelError, StorageError."""
    planned = list(_plan_programs(options)) + list(_plan_top())
    models = []
    for path in options.models:
        model, files = _plan_model(path, options.part_bytes, tell)
        models.append(model)
        planned += files
    planned += [
        _planned(bank, f"soro/soro-banks/{bank.name}", Group.BANK) for bank in options.banks
    ]
    manifest = StickManifest(
        version=_one_version(options.bundles),
        release=options.release or _next_release(options.root),
        files=tuple(one.file for one in planned),
        models=tuple(models),
    )
    _check(manifest)
    _check_room(options.root, planned)
    document = stick_manifest.write_manifest(manifest)
    signature = write_signature(sign(document))
    _write(options.root, planned, tell)
    write_whole(options.root / FOLDER / MANIFEST, document)
    write_whole(options.root / FOLDER / SIGNATURE, signature)
    return read_back(options.root, tell)


def read_back(root: Path, tell: Tell) -> Stick:
    """Open and read all of it from the stick itself, not from memory where that can be had."""
    stick = open_stick(root)
    for stranger in stick.strangers():
        raise CannotMake(
            reason=f"Somebody wrote to the stick meanwhile: {stranger}", advice=_CHANGED_HINT
        )
    total, done = sum(file.size_bytes for file in stick.manifest.files), 0
    for file in stick.manifest.files:
        for source in stick.sources(file):
            _forget_cached(source)
        stick.check_file(file, lambda count: None)
        done += file.size_bytes
        tell("reading back", done / max(1, total))
    return stick


def _plan_programs(options: StickOptions) -> Iterator[_Planned]:
    for group, folder in options.bundles.items():
        for member in Bundle.open(folder, group).members():
            yield _planned(
                member.source, f"soro/{group}/soro/{member.path}", group, runs=member.runs
            )


def _plan_top() -> Iterator[_Planned]:
    files = sorted(TOP.glob("*"))
    if not files:
        raise CannotMake(
            reason="The texts of the stick are not here.", advice="Make sticks from a checkout."
        )
    for path in files:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".sh" and path.suffix != ".desktop":
            # An old Notepad knows neither line feeds nor UTF-8 without its mark.
            text = text.replace("\n", "\r\n")
        data = text.encode("utf-8-sig" if path.suffix == ".txt" else "utf-8")
        file = StickFile(
            path=path.name,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            group=Group.START,
            runs=path.suffix in (".sh", ".desktop"),
        )
        yield _Planned(file=file, text=data)


def _plan_model(path: Path, part_bytes: int, tell: Tell) -> tuple[StickModel, list[_Planned]]:
    header = read_header(path)
    beside = path.with_suffix(".toml")
    found = read_manifest(beside) if beside.exists() else manifest_from_header(path, header)
    sha256 = sha256_of(path, lambda fraction: tell(path.name, fraction))
    if found.sha256 and found.sha256 != sha256:
        raise CannotMake(
            reason=f"{path} is not the file that {beside.name} describes.",
            advice="Convert or copy the model again.",
        )
    manifest = replace(
        found,
        file_name=f"{found.name}.gguf",
        package=None,
        size_bytes=path.stat().st_size,
        sha256=sha256,
    )
    memory_bytes = memory_needed_bytes(manifest, header, manifest.context_tokens)
    model = StickModel(
        name=found.name,
        title=found.title,
        size_bytes=manifest.size_bytes,
        memory_bytes=memory_bytes,
    )
    text = write_manifest(manifest).encode("utf-8")
    words = StickFile(
        path=f"soro/soro-models/{found.name}.toml",
        size_bytes=len(text),
        sha256=hashlib.sha256(text).hexdigest(),
        group=Group.MODEL,
        model=found.name,
    )
    weights = StickFile(
        path=f"soro/soro-models/{manifest.file_name}",
        size_bytes=manifest.size_bytes,
        sha256=sha256,
        group=Group.MODEL,
        model=found.name,
    )
    weights = replace(weights, split=_split(weights, path, part_bytes))
    return model, [_Planned(file=words, text=text), _Planned(file=weights, source=path)]


def _split(file: StickFile, source: Path, part_bytes: int) -> tuple[Piece, ...]:
    if file.size_bytes <= part_bytes:
        return ()
    pieces = []
    with source.open("rb") as reading:
        for number in range(-(-file.size_bytes // part_bytes)):
            digest, left = hashlib.sha256(), min(part_bytes, file.size_bytes - number * part_bytes)
            size = left
            while left:
                chunk = reading.read(min(left, 1 << 20))
                if not chunk:
                    raise CannotMake(reason=f"{source} changes.", advice=_CHANGED_HINT)
                digest.update(chunk)
                left -= len(chunk)
            pieces.append(
                Piece(
                    path=f"{file.path}.{number + 1:03}", size_bytes=size, sha256=digest.hexdigest()
                )
            )
    return tuple(pieces)


def _planned(source: Path, path: str, group: Group, *, runs: bool = False) -> _Planned:
    try:
        file = StickFile(
            path=path,
            size_bytes=source.stat().st_size,
            sha256=sha256_of(source),
            group=group,
            runs=runs,
        )
    except OSError as error:
        raise CannotMake(
            reason=f"{source}: {error.strerror}", advice="Name a file that can be read."
        ) from error
    return _Planned(file=file, source=source)


def _one_version(bundles: Mapping[Group, Path]) -> str:
    versions = {group: Bundle.open(folder, group).version for group, folder in bundles.items()}
    if len(set(versions.values())) != 1:
        told = ", ".join(f"{group} {version}" for group, version in versions.items())
        raise CannotMake(
            reason=f"The bundles are not of one version: {told or 'there is none'}.",
            advice="Build them from the same commit.",
        )
    return next(iter(versions.values()))


def _next_release(root: Path) -> int:
    now = int(time.strftime("%Y%m%d%H%M%S", time.gmtime()))
    try:
        return max(now, open_stick(root).manifest.release + 1)
    except StickError:
        return now


def _check(manifest: StickManifest) -> None:
    """What is written must be what a stick accepts."""
    try:
        stick_manifest.read_manifest(stick_manifest.write_manifest(manifest))
    except BadStick as error:
        raise CannotMake(
            reason=f"A stick cannot hold this: {error.fields['reason']}.",
            advice="Rename the file, or name another.",
        ) from error


def _check_room(root: Path, planned: Sequence[_Planned]) -> None:
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


def _write(root: Path, planned: Sequence[_Planned], tell: Tell) -> None:
    total, done = sum(one.file.size_bytes for one in planned), 0

    def on_bytes(count: int) -> None:
        nonlocal done
        done += count
        tell("writing", done / max(1, total))

    for name in (SIGNATURE, MANIFEST):
        _delete(root / FOLDER / name)
    _delete_strangers(root, planned)
    with Copier() as copier:
        for one in planned:
            if one.source is None:
                target = root / one.file.path
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise storage_error(error, target) from error
                write_whole(target, one.text)
                with suppress(OSError):
                    target.chmod(0o755 if one.file.runs else 0o644)
                on_bytes(len(one.text))
                continue
            skip = 0
            for piece in one.file.pieces:
                copy = Copy(
                    sources=[one.source],
                    target=root / piece.path,
                    size_bytes=piece.size_bytes,
                    sha256=piece.sha256,
                    runs=one.file.runs,
                    skip_bytes=skip,
                )
                try:
                    copier.bring(copy, on_bytes)
                except StickError as error:
                    raise CannotMake(
                        reason=f"{one.source} changed while it was read.", advice=_CHANGED_HINT
                    ) from error
                skip += piece.size_bytes
    sync_files([root / piece.path for one in planned for piece in one.file.pieces], root)


def _delete_strangers(root: Path, planned: Sequence[_Planned]) -> None:
    """What an earlier making left; pupils' work of the portable mode stays."""
    known = {piece.path for one in planned for piece in one.file.pieces}
    for path in sorted((root / FOLDER).rglob("*"), reverse=True):
        name = path.relative_to(root).as_posix()
        if name == f"{FOLDER}/soro-data" or name.startswith(f"{FOLDER}/soro-data/"):
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
