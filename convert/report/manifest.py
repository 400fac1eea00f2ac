"""The manifest beside the GGUF: what the runtime must know, and how the file can be made again.

The same TOML that soro_edge.manifest reads; a test of both holds them together. Knows values, no weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import tomlkit

from convert.checkpoint.config import Gemma3Config
from convert.hashing import sha256_of
from convert.options import ConversionOptions
from convert.output.names import plain
from convert.report.memory import memory_bytes

CONTEXT_TOKENS = 2048
"""What a school laptop runs it with."""
_PACKAGES = ("gguf", "llama-cpp-python", "numpy", "sentencepiece")
"""Whose version can change the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedFile:
    """What is known of the finished file."""

    size_bytes: int
    sha256: str
    pieces: int
    """Of the vocabulary."""
    quantization: str
    """The types of most weights: `Q4_0`, or `Q4_0, Q5_0, Q8_0`."""
    source_fingerprint: str


def manifest_text(
    options: ConversionOptions,
    config: Gemma3Config,
    file: ConvertedFile,
    *,
    name: str,
    title: str,
    sampling: Mapping[str, object],
) -> str:
    """The manifest as TOML."""
    context_tokens = min(CONTEXT_TOKENS, config.context_length)
    document = tomlkit.document()
    document.add("name", tomlkit.item(name))
    document.add("title", tomlkit.item(title))
    document.add("languages", tomlkit.item(["tg", "ru", "en"]))
    document.add("license", tomlkit.item(options.license))
    document.add("source", tomlkit.item(plain(options.checkpoint.resolve().name)))
    tables: dict[str, dict[str, object]] = {
        "file": {
            "name": options.output.name,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "quantization": file.quantization,
        },
        "context": {
            "tokens": context_tokens,
            "memory_bytes": memory_bytes(
                config,
                pieces=file.pieces,
                file_bytes=file.size_bytes,
                context_tokens=context_tokens,
            ),
        },
        "sampling": dict(sampling),
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
            choices[f"{key}_sha256"] = sha256_of(path)
    if options.calibration is not None:
        choices["calibration_tokens"] = options.calibration_tokens
    if options.most_bytes is not None:
        choices["size"] = options.most_bytes
    return choices
