"""`soro models …`: which models are here, and are their files whole."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from soro_edge.commands.confirm import confirm
from soro_edge.commands.doctor import planned_memory, wholeness
from soro_edge.commands.program import Program
from soro_edge.engine.progress import LoadingProgress
from soro_edge.errors import SoroError
from soro_edge.gguf_header import read_header
from soro_edge.locale import _
from soro_edge.manifest import Manifest, printable
from soro_edge.model_adding import add_model, remove_model
from soro_edge.model_errors import ModelError
from soro_edge.models import Progress


def list_models(program: Program, *, as_json: bool) -> None:
    """One line each; a star marks the one in use. Manifests that cannot be read are told on stderr."""
    models = program.models.read()
    files = {one.name: program.models.file(one) for one in models.manifests}
    here = {name: file.exists() for name, file in files.items()}
    used = program.settings.model or next((name for name, is_here in here.items() if is_here), "")
    if as_json:
        rows = [_as_json(one, files[one.name], used) for one in models.manifests]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        _print_models(models.manifests, here, used)
    for error in models.unreadable:
        _tell(error)


def _as_json(manifest: Manifest, file: Path, used: str) -> dict[str, object]:
    return {
        "name": manifest.name,
        "title": manifest.title,
        "languages": manifest.languages,
        "license": manifest.license,
        "quantization": manifest.quantization,
        "context_tokens": manifest.context_tokens,
        "size_bytes": manifest.size_bytes,
        "sha256": manifest.sha256,
        "file": str(file),
        "file_is_here": file.exists(),
        "in_use": manifest.name == used,
    }


def _print_models(manifests: Sequence[Manifest], here: Mapping[str, bool], used: str) -> None:
    for manifest in manifests:
        mark = "*" if manifest.name == used else " "
        size = _("{size:>7.0f} MB").format(size=manifest.size_bytes / 1e6)
        state = "" if here[manifest.name] else "  " + _("(file missing)")
        click.echo(f"{mark} {manifest.name:<32} {size}  {manifest.title}{state}")


def add(program: Program, file: Path, name: str) -> None:
    """Copy a model in, try it, and say how to use it."""
    with progress_bar(_("copying")) as advance:
        manifest = add_model(
            program.models, file, name, trial=program.try_model, on_progress=advance
        )
    if program.manifest().name == manifest.name:
        click.echo(_("Added: {name}. It is used from now on.").format(name=manifest.name))
    else:
        click.echo(
            _("Added: {name}. Use it with `soro --model {name}`.").format(name=manifest.name)
        )


def remove(program: Program, name: str, *, sure: bool) -> None:
    """Ask, then delete the model's file and manifest."""
    if not sure and not confirm(_("Delete the model «{name}»?").format(name=name)):
        click.echo(_("Nothing was deleted."), err=True)
        return
    remove_model(program.models, name)
    click.echo(_("Deleted."), err=True)


def verify(program: Program, name: str) -> int:
    """Check the files, hash those whose checksum is known; the exit code."""
    models = program.models.read()
    chosen = [program.models.find(name)] if name else list(models.manifests)
    code = 0
    for manifest in chosen:
        try:
            with progress_bar(manifest.name) as advance:
                program.models.verify(manifest, advance)
            click.echo(f"{manifest.name}: {wholeness(manifest)}")
        except ModelError as error:
            code = _tell(error)
    for unreadable in models.unreadable if not name else ():
        code = _tell(unreadable)
    return code


def _tell(error: SoroError) -> int:
    click.echo(f"{error}\n{error.advice}", err=True)
    return error.exit_code


def info(program: Program, name: str) -> None:
    """What the manifest and the file's head say."""
    manifest = program.manifest(name)
    path = program.models.file(manifest)
    header = read_header(path)
    tokens = program.context_tokens(manifest)
    for label, value in (
        (_("name"), manifest.name),
        (_("title"), manifest.title),
        (_("languages"), ", ".join(manifest.languages) or "?"),
        (_("licence"), manifest.license),
        (_("architecture"), printable(header.text("general.architecture") or "?")),
        (_("quantization"), manifest.quantization),
        (_("context window"), _("{tokens} tokens").format(tokens=tokens)),
        (_("memory"), planned_memory(program.memory_plan(manifest))),
        (_("size"), _("{size} bytes").format(size=manifest.size_bytes)),
        ("SHA-256", manifest.sha256),
        (_("file"), path),
    ):
        click.echo(f"{label:<16} {value}")


class progress_bar:  # noqa: N801 (a context manager that reads as a verb)
    """A progress bar on stderr, in safe characters; silent where stderr is no terminal."""

    def __init__(self, label: str, total_bytes: int = 0) -> None:
        self._label = label
        self._progress = LoadingProgress(total_bytes)
        self._shown = -1

    def __enter__(self) -> Progress:
        return self._advance

    def __exit__(self, *_error: object) -> None:
        if self._shown >= 0:
            sys.stderr.write("\n")

    def _advance(self, fraction: float) -> None:
        percent = int(fraction * 100)
        if percent == self._shown or not sys.stderr.isatty():
            return
        self._shown = percent
        filled, told = percent * 30 // 100, self._progress.line(fraction)
        sys.stderr.write(
            f"\r{self._label} {'█' * filled}{'░' * (30 - filled)} {percent:>3} % {told}  "
        )
        sys.stderr.flush()
