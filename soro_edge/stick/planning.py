"""What goes on a stick, and where each file of it comes from; hashed here, written elsewhere.

Runs on the maker's computer, so its sentences are English.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from soro_edge.gguf_header import read_header
from soro_edge.manifest import read_manifest, write_manifest
from soro_edge.models import check_chat_model, manifest_from_header, memory_needed_bytes, sha256_of
from soro_edge.stick.bundle import Bundle
from soro_edge.stick.errors import CannotMake
from soro_edge.stick.manifest import Group, Piece, StickFile, StickModel
from soro_edge.stick.names import LARGEST_FILE_BYTES
from soro_edge.stick.old_processors import model_family, token_microseconds

TOP = Path(__file__).parent / "top"
"""READMEs and start files, as they lie at the stick's top."""
CHANGED_HINT = "Run it again when nothing writes there."
PART_BYTES = LARGEST_FILE_BYTES // (1 << 20) * (1 << 20)

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
    """0 takes the time, and always more than any stick before had."""
    last_release: int = 0
    """The greatest that the maker ever signed."""
    part_bytes: int = PART_BYTES
    """Larger files are split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A file and where it comes from: another file, or text made here."""

    file: StickFile
    source: Path | None = None
    text: bytes = b""


def plan_programs(options: StickOptions) -> Iterator[Planned]:
    for group, folder in options.bundles.items():
        for member in Bundle.open(folder, group).members():
            yield plan_file(
                member.source, f"soro/{group}/soro/{member.path}", group, runs=member.runs
            )


def plan_top() -> Iterator[Planned]:
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
        marked = path.suffix == ".txt" and path.name != "failed.txt"  # which is shown by `type`
        data = text.encode("utf-8-sig" if marked else "utf-8")
        file = StickFile(
            path=f"soro/{path.name}" if path.name == "failed.txt" else path.name,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            group=Group.START,
            runs=path.suffix in (".sh", ".desktop"),
        )
        yield Planned(file=file, text=data)


def plan_model(path: Path, part_bytes: int, tell: Tell) -> tuple[StickModel, list[Planned]]:
    header = read_header(path)
    check_chat_model(header, path)
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
        family=model_family(header),
        token_microseconds=token_microseconds(header),
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
    return model, [Planned(file=words, text=text), Planned(file=weights, source=path)]


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
                    raise CannotMake(reason=f"{source} changes.", advice=CHANGED_HINT)
                digest.update(chunk)
                left -= len(chunk)
            pieces.append(
                Piece(
                    path=f"{file.path}.{number + 1:03}", size_bytes=size, sha256=digest.hexdigest()
                )
            )
    return tuple(pieces)


def plan_file(source: Path, path: str, group: Group, *, runs: bool = False) -> Planned:
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
    return Planned(file=file, source=source)
