"""Which models this computer has, and whether their files are whole.

Manifests come with the program (models/) or lie in the person's models folder, a GGUF beside each.
Knows files and manifests; the engine that runs them is elsewhere.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from soro_edge.engine.api import EngineOptions, KvCacheType
from soro_edge.engine.hardware import free_memory_bytes
from soro_edge.errors import BadOption, StorageError
from soro_edge.gguf_header import GgufHeader, read_header
from soro_edge.manifest import (
    LONGEST_NEW_NAME,
    NAME,
    NAME_RULE,
    Manifest,
    printable,
    read_manifest,
    write_manifest,
)
from soro_edge.memory import fit_memory, plan_memory
from soro_edge.model_errors import (
    ModelCutShort,
    ModelDamaged,
    ModelExists,
    ModelFileMissing,
    NoModel,
    NoModelFile,
    NoModelYet,
    NotEnoughMemory,
)
from soro_edge.paths import (
    Paths,
    make_folder,
    manifests_folder,
    shipped_models,
    storage_error,
    write_whole,
)

Progress = Callable[[float], None]
_CHUNK_BYTES = 1 << 20


def _silent(fraction: float) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """All models of one installation."""

    paths: Paths

    def all(self) -> list[Manifest]:
        """Those that a person added, the newest first, then those of the stick, then the program's."""
        added = sorted(
            self.paths.models_folder.glob("*.toml"),
            key=lambda path: (-path.stat().st_mtime_ns, path.name),
        )
        shipped = shipped_models()
        of_stick = sorted(shipped.glob("*.toml")) if shipped else []
        found = [
            read_manifest(path)
            for path in (*added, *of_stick, *sorted(manifests_folder().glob("*.toml")))
        ]
        return list({manifest.name: manifest for manifest in reversed(found)}.values())[::-1]

    def find(self, name: str) -> Manifest:
        """The model of that name; the empty name is the first one whose file is here.

        Raises NoModel, NoModelYet.
        """
        for manifest in self.all():
            if manifest.name == name or (not name and self.file(manifest).exists()):
                return manifest
        raise NoModel(name=name) if name else NoModelYet()

    def file(self, manifest: Manifest) -> Path:
        """Where the GGUF is, or would be."""
        if manifest.package:
            # The package is looked up, not imported: only its file is wanted.
            spec = importlib.util.find_spec(manifest.package)
            if spec and spec.submodule_search_locations:
                return Path(next(iter(spec.submodule_search_locations))) / manifest.file_name
        return manifest.path.parent / manifest.file_name

    def check(self, manifest: Manifest, on_progress: Progress = _silent) -> Path:
        """The model's file, present, whole, undamaged; hashed only where it changed since last time.

        Raises ModelFileMissing, NotAModel, ModelCutShort, ModelDamaged.
        """
        path = self.file(manifest)
        if not path.exists():
            raise ModelFileMissing(name=manifest.name, path=str(path))
        size = path.stat().st_size
        if size < manifest.size_bytes:
            raise ModelCutShort(have_bytes=size, need_bytes=manifest.size_bytes, path=str(path))
        read_header(path)
        stamp = [path.stat().st_mtime_ns, size, manifest.sha256]
        if self._verified().get(str(path)) != stamp:
            self.verify(manifest, on_progress)
        return path

    def verify(self, manifest: Manifest, on_progress: Progress = _silent) -> None:
        """Read the head, hash the whole file and compare; without a checksum, the head alone.

        Raises ModelFileMissing, NotAModel, ModelCutShort, ModelDamaged.
        """
        path = self.file(manifest)
        if not path.exists():
            raise ModelFileMissing(name=manifest.name, path=str(path))
        read_header(path)
        if not manifest.sha256:
            return
        verified = self._verified()
        if sha256_of(path, on_progress) != manifest.sha256:
            verified.pop(str(path), None)
            self._store_verified(verified)
            raise ModelDamaged(path=str(path))
        self.note_whole(manifest)

    def note_whole(self, manifest: Manifest) -> None:
        """Remember that the file was hashed just now and is whole."""
        path, verified = self.file(manifest), self._verified()
        facts = path.stat()
        verified[str(path)] = [facts.st_mtime_ns, facts.st_size, manifest.sha256]
        self._store_verified(verified)

    def add(self, source: Path, name: str = "", on_progress: Progress = _silent) -> Manifest:
        """Copy a GGUF (and the manifest beside it, if there is one) into the models folder.

        Raises NoModelFile, FolderNotModel, NotAModel, ModelCutShort, ModelDamaged, ModelExists, DiskFull,
        BadOption where the name cannot be a file's.
        """
        if name and not (NAME.fullmatch(name) and len(name) <= LONGEST_NEW_NAME):
            raise BadOption(name="name", value=name[:80], reason=NAME_RULE, source="--name")
        manifest = manifest_of(source)
        file_name = f"{name}.gguf" if name else source.name
        manifest = replace(manifest, name=name or manifest.name, file_name=file_name)
        folder = make_folder(self.paths.models_folder)
        target = folder / file_name
        for other in self.all():
            if other.name == manifest.name or (
                other.path.parent == folder and other.file_name == file_name
            ):
                raise ModelExists(name=other.name)
        try:
            sha256 = _copy(source, target, on_progress)
        except OSError as error:
            raise storage_error(error, target) from error
        if manifest.sha256 and sha256 != manifest.sha256:
            target.unlink()
            raise ModelDamaged(path=str(source))
        kept = manifest.sha256_from if manifest.sha256 else "copy"
        manifest = replace(
            manifest, sha256=sha256, sha256_from=kept, path=folder / f"{manifest.name}.toml"
        )
        write_whole(manifest.path, write_manifest(manifest).encode("utf-8"))
        return manifest

    def _verified(self) -> dict[str, list[int | str]]:
        try:
            stamps = json.loads(self.paths.verified_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamps if isinstance(stamps, dict) else {}

    def _store_verified(self, stamps: dict[str, list[int | str]]) -> None:
        """Lost stamps cost another hashing, nothing else: failures are passed over."""
        with suppress(StorageError):
            make_folder(self.paths.data)
            write_whole(self.paths.verified_file, json.dumps(stamps).encode("utf-8"))


def manifest_of(source: Path) -> Manifest:
    """What is known of a GGUF file anywhere: from the manifest beside it, otherwise from its head.

    Raises NoModelFile, FolderNotModel, NotAModel, ModelCutShort, BadManifest.
    """
    if not source.exists():
        raise NoModelFile(path=str(source))
    header = read_header(source)
    beside = source.with_suffix(".toml")
    manifest = read_manifest(beside) if beside.exists() else manifest_from_header(source, header)
    return replace(manifest, file_name=source.name, package=None)


def memory_needed_bytes(manifest: Manifest, header: GgufHeader, context_tokens: int) -> int:
    """What the engine's process will take at the least, with all of the context."""
    if manifest.memory_bytes and context_tokens <= manifest.context_tokens:
        return manifest.memory_bytes
    return plan_memory(header, _least(context_tokens)).total_bytes


def check_memory(manifest: Manifest, path: Path, context_tokens: int) -> None:
    """Raises NotEnoughMemory, with the numbers, before anything is loaded: where not even a short
    context fits."""
    header, free = read_header(path), free_memory_bytes()
    least = _least(context_tokens)
    fitted = plan_memory(header, fit_memory(header, least, free)).total_bytes
    saved = plan_memory(header, least).total_bytes - fitted
    need = memory_needed_bytes(manifest, header, context_tokens) - saved
    if need > free:
        raise NotEnoughMemory(need_mb=need // 1_000_000, free_mb=free // 1_000_000)


def _least(context_tokens: int) -> EngineOptions:
    """The options that take the least memory with so long a context."""
    return EngineOptions(
        model_path="",
        context_tokens=context_tokens,
        kv_cache_type=KvCacheType.F16,
        checkpoint_bytes=0,
    )


def sha256_of(path: Path, on_progress: Progress = _silent) -> str:
    """Of the file's content, in hex."""
    digest, size, done = hashlib.sha256(), max(1, path.stat().st_size), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            on_progress(done / size)
    return digest.hexdigest()


def _copy(source: Path, target: Path, on_progress: Progress) -> str:
    """Copy and hash in one reading; the target appears whole or not at all."""
    partial = target.with_name(target.name + ".part")
    digest, size, done = hashlib.sha256(), max(1, source.stat().st_size), 0
    try:
        with source.open("rb") as reading, partial.open("wb") as writing:
            while chunk := reading.read(_CHUNK_BYTES):
                writing.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                on_progress(done / size)
            writing.flush()
            os.fsync(writing.fileno())
        shutil.copystat(source, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def manifest_from_header(source: Path, header: GgufHeader) -> Manifest:
    """For a GGUF without a manifest; its SHA-256 is not known yet."""
    kind = header.metadata.get("general.architecture", "")
    trained = int(header.metadata.get(f"{kind}.context_length", 2048))
    name = re.sub(r"[^a-z0-9.]+", "-", source.stem.lower()).strip("-.")[:60] or "model"
    return Manifest(
        name=name,
        title=printable(str(header.metadata.get("general.name", source.stem))),
        license=printable(str(header.metadata.get("general.license", "unknown"))),
        file_name=source.name,
        size_bytes=header.need_bytes,
        sha256="",
        sha256_from="copy",
        context_tokens=min(2048, trained),
        path=source,
    )
