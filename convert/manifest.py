"""The manifest beside the GGUF: what the runtime must know, and how the file can be made again.

The same TOML that soro_edge.manifest reads; a test of both holds them together. Knows values, no weights.
"""

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import tomlkit

from convert.config import Gemma3Config
from convert.options import ConversionOptions
from convert.progress import Progress

CONTEXT_TOKENS = 2048
"""What a school laptop runs it with."""
_BUFFER_BYTES = 60 << 20
"""Compute buffers and the interpreter, rounded up."""
_CHUNK_BYTES = 1 << 20
_PACKAGES = ("gguf", "llama-cpp-python", "numpy", "sentencepiece")
"""Whose version can change the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedFile:
    """What is known of the finished file."""

    size_bytes: int
    sha256: str
    quantization: str
    """The types of most weights: `Q4_0`, or `Q4_0, Q5_0, Q8_0`."""
    source_fingerprint: str


def sha256_of(path: Path, progress: Progress) -> str:
    size = path.stat().st_size
    progress.begin("hashing the file", size)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            progress.advance(len(chunk))
    return digest.hexdigest()


def memory_bytes(config: Gemma3Config, file_bytes: int) -> int:
    """What the engine's process takes at CONTEXT_TOKENS: weights, KV cache in F16, buffers."""
    local = sum((layer + 1) % config.sliding_pattern != 0 for layer in range(config.layers))
    held = local * min(CONTEXT_TOKENS, config.sliding_window + 256)
    held += (config.layers - local) * CONTEXT_TOKENS
    return file_bytes + held * config.kv_heads * config.head_width * 2 * 2 + _BUFFER_BYTES


def manifest_text(
    options: ConversionOptions, config: Gemma3Config, file: ConvertedFile, name: str, title: str
) -> str:
    """The manifest as TOML."""
    sampling = _sampling(options.checkpoint)
    document = tomlkit.document()
    document.add("name", tomlkit.item(name))
    document.add("title", tomlkit.item(title))
    document.add("languages", tomlkit.item(["tg", "ru", "en"]))
    document.add("license", tomlkit.item(options.license))
    document.add("source", tomlkit.item(options.checkpoint.resolve().name))
    tables: dict[str, dict[str, object]] = {
        "file": {
            "name": options.output.name,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "quantization": file.quantization,
        },
        "context": {
            "tokens": min(CONTEXT_TOKENS, config.context_length),
            "memory_bytes": memory_bytes(config, file.size_bytes),
        },
        "sampling": sampling,
        "prompt": {"system": ""},
        "conversion": {
            "source_fingerprint": file.source_fingerprint,
            **_choices(options),
            "made_with": [f"{package} {version(package)}" for package in _PACKAGES],
        },
    }
    for title_of_table, members in tables.items():
        table = tomlkit.table()
        for key, value in members.items():
            table.add(key, tomlkit.item(value))
        document.add(title_of_table, table)
    return tomlkit.dumps(document)


def _choices(options: ConversionOptions) -> dict[str, object]:
    """The options that change the bytes, as they are given on the command line."""
    rows = options.vocabulary_rows
    choices: dict[str, object] = {
        "type": options.type.name.lower(),
        "vocabulary": "full" if rows is None else rows,
        "calibration": "none" if options.calibration is None else options.calibration.name,
    }
    for key, path in (("calibration", options.calibration), ("keep_text", options.keep_text)):
        if path is not None:
            choices[f"{key}_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    if options.calibration is not None:
        choices["calibration_tokens"] = options.calibration_tokens
    if options.most_bytes is not None:
        choices["size"] = options.most_bytes
    return choices


def _sampling(checkpoint: Path) -> dict[str, object]:
    """generation_config.json's, where it says something; the tutor's own otherwise."""
    said: dict[str, object] = {}
    path = checkpoint / "generation_config.json"
    if path.is_file():
        said = json.loads(path.read_text(encoding="utf-8"))
    sampling: dict[str, object] = {"temperature": 0.5, "top_k": 64, "top_p": 0.95}
    for key in ("top_k", "top_p"):
        value = said.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            sampling[key] = int(value) if key == "top_k" else float(value)
    return sampling | {"min_p": 0.05, "repeat_penalty": 1.1}
