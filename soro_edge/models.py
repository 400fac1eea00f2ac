"""Which models this computer has, and whether their files are whole. Adding and removing: model_adding.py.

Manifests come with the program (models/) or lie in the person's models folder, a GGUF beside each.
Knows files and manifests; the engine that runs them is elsewhere.
"""

import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from soro_edge.engine.api import EngineOptions, KvCacheType
from soro_edge.engine.hardware import free_memory_bytes
from soro_edge.errors import StorageError
from soro_edge.gguf_header import GgufHeader, read_header
from soro_edge.locale import N_, _
from soro_edge.manifest import Manifest, printable, read_manifest
from soro_edge.memory import fit_memory, plan_memory
from soro_edge.model_errors import (
    BadManifest,
    ModelCutShort,
    ModelDamaged,
    ModelFileMissing,
    NoModel,
    NoModelFile,
    NoModelYet,
    NotAChatModel,
    NotEnoughMemory,
    SplitModel,
)
from soro_edge.paths import (
    Paths,
    make_folder,
    manifests_folder,
    shipped_models,
    write_whole,
)

Progress = Callable[[float], None]
_CHUNK_BYTES = 1 << 20
_LARGEST_LIST_BYTES = 16 << 20
_LARGEST_LISTED_BYTES = 64 << 10
_USUAL_CONTEXT_TOKENS = 2048


def _silent(fraction: float) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """All models of one installation."""

    paths: Paths

    def all(self) -> list[Manifest]:
        """Those that a person added, the newest first, then those of the stick, then the program's."""
        return list(self.read().manifests)

    def read(self) -> "ModelList":
        """The models, and the manifests that cannot be read: they keep nobody from the others."""
        manifests: dict[str, Manifest] = {}
        unreadable: list[BadManifest] = []
        for path in (*self._added(), *_of_stick(), *_in_folder(manifests_folder())):
            try:
                manifest = read_manifest(path)
            except BadManifest as error:
                unreadable.append(error)
            else:
                manifests.setdefault(manifest.name, manifest)
        return ModelList(manifests=tuple(manifests.values()), unreadable=tuple(unreadable))

    def find(self, name: str) -> Manifest:
        """The model of that name, or in the GGUF file that `name` is the path of; the empty name is the
        first one whose file is here.

        Raises NoModel, NoModelYet, BadManifest, and for a path what `manifest_of` raises.
        """
        models = self.read()
        for manifest in models.manifests:
            if manifest.name == name or (not name and self.file(manifest).exists()):
                return manifest
        if name.lower().endswith(".gguf"):
            return manifest_of(Path(name).expanduser().absolute())
        for error in models.unreadable:
            if not name or Path(str(error.fields["path"])).stem == name:
                raise error
        raise NoModel(name=name) if name else NoModelYet()

    def _added(self) -> list[Path]:
        """The manifests of the person's own folder, the newest first."""

        def age(path: Path) -> tuple[int, str]:
            with suppress(OSError):
                return -path.stat().st_mtime_ns, path.name
            return 0, path.name

        return sorted(_in_folder(self.paths.models_folder), key=age)

    def file(self, manifest: Manifest) -> Path:
        """Where the GGUF is, or would be."""
        if manifest.package:
            # The package is looked up, not imported: only its file is wanted.
            with suppress(ImportError, ValueError):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """What a look at all manifests has shown."""

    manifests: tuple[Manifest, ...]
    unreadable: tuple[BadManifest, ...]
    """Why each of the others cannot be used."""


def _in_folder(folder: Path) -> list[Path]:
    """The manifests in a folder, by name. Hidden files are none: macOS leaves `._m.toml` on sticks."""
    with suppress(OSError):
        names = [entry.name for entry in os.scandir(folder)]
        return [
            folder / name
            for name in sorted(names)
            if name.endswith(".toml") and not name.startswith(".")
        ]
    return []


def _of_stick() -> list[Path]:
    """The manifests that came with a packaged program. Where a list of all its files lies beside their
    folder, on a stick and where one was installed from, only those that are in it, and unchanged."""
    folder = shipped_models()
    if folder is None:
        return []
    listed = _listed_models(folder)
    if listed is None:
        return _in_folder(folder)
    return [
        path for path in _in_folder(folder) if _sha256_of_small(path) in listed.get(path.name, ())
    ]


def _listed_models(folder: Path) -> dict[str, list[str]] | None:
    """SHA-256 of the manifests that the stick's own list names; None where there is no list."""
    # A link leads back to the stick where its program was copied away to be run.
    file = folder.resolve().parent / "manifest.json"
    if not file.exists():
        return None
    listed: dict[str, list[str]] = {}
    with suppress(OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        with file.open("rb") as stream:
            document = json.loads(stream.read(_LARGEST_LIST_BYTES))
        for entry in document["files"]:
            parent, _slash, name = str(entry["path"]).rpartition("/")
            if parent.rpartition("/")[2] == folder.name and name.endswith(".toml"):
                listed.setdefault(name, []).append(str(entry["sha256"]))
    return listed


def _sha256_of_small(path: Path) -> str:
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.sha256(file.read(_LARGEST_LISTED_BYTES)).hexdigest()
    return ""


def manifest_of(source: Path) -> Manifest:
    """What is known of a GGUF file anywhere: from the manifest beside it, otherwise from its header.

    Raises NoModelFile, FolderNotModel, NotAModel, NotAChatModel, ModelCutShort, BadManifest.
    """
    if not source.exists():
        raise NoModelFile(path=str(source))
    header = read_header(source)
    check_chat_model(header, source)
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


def manifest_from_header(source: Path, header: GgufHeader) -> Manifest:
    """For a GGUF without a manifest; its SHA-256 is not known yet."""
    trained = header.number(f"{header.text('general.architecture')}.context_length")
    name = re.sub(r"[^a-z0-9.]+", "-", source.stem.lower()).strip("-.")[:60] or "model"
    return Manifest(
        name=name,
        title=printable(header.text("general.name") or source.stem),
        license=printable(header.text("general.license") or "unknown"),
        file_name=source.name,
        size_bytes=header.need_bytes,
        sha256="",
        sha256_from="copy",
        context_tokens=min(_USUAL_CONTEXT_TOKENS, trained or _USUAL_CONTEXT_TOKENS),
        path=source,
    )


_KINDS = {
    "mmproj": N_("a projector for pictures or sound (mmproj)"),
    "adapter": N_("an adapter (LoRA) for another model"),
    "imatrix": N_("an importance matrix"),
}
_CLIP = "clip"
_EMBEDDERS = re.compile(r".*bert.*|t5encoder|.*-embed(ding)?|wavtokenizer-dec")


def check_chat_model(header: GgufHeader, path: Path) -> None:
    """Raises NotAChatModel where the header says that the file is something else."""
    architecture = header.text("general.architecture")
    parts = header.number("split.count")
    kind = header.text("general.type")
    if architecture == _CLIP:
        kind = "mmproj"
    if parts > 1:
        raise SplitModel(parts=parts, path=str(path))
    if kind in _KINDS:
        raise NotAChatModel(kind=_(_KINDS[kind]), path=str(path))
    if not header.tensors:
        raise NotAChatModel(kind=_("a vocabulary without weights"), path=str(path))
    if _EMBEDDERS.fullmatch(architecture) or header.number(f"{architecture}.pooling_type"):
        raise NotAChatModel(kind=_("a model that compares texts (embeddings)"), path=str(path))
