"""The files that a conversion writes, and the names that it refuses before it starts.

Knows names alone, and nothing of what is in the files. What other programs must be able to take is held here:
`soro models add`, Ollama, LM Studio, and the FAT of a USB stick.
"""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from convert.errors import BadTarget

ENDING = ".gguf"
_FORBIDDEN = frozenset('<>:"/\\|?*')
"""What FAT and Windows do not take in a name."""
_LONGEST_NAME_BYTES = 200
"""File systems take 255; the working copy's name is longer than the file's."""
_LONGEST_TEXT = 200
"""Letters that the runtime takes of a title or a licence."""


def manifest_path(output: Path) -> Path:
    """Return where the manifest of the file `output` goes: where `soro models add` looks for it."""
    return output.with_suffix(".toml")


def report_path(output: Path) -> Path:
    """Return where the report on the file `output` goes."""
    return output.with_suffix(".report.json")


def require_output_name(output: Path) -> None:
    """Raises BadTarget for a name that other programs cannot take, or that the manifest would overwrite."""
    if output.suffix.lower() != ENDING:
        raise BadTarget(
            "{path} is no name for a model: it does not end in .gguf.",
            "Name it {name}.gguf: the manifest and the report beside it are named after it.",
            path=output,
            name=output.stem
            if output.suffix in (".toml", ".json", ".safetensors")
            else output.name,
        )
    if not _is_plain(output.name) or _FORBIDDEN & set(output.name):
        raise BadTarget(
            "The name {name} cannot be used: a USB stick cannot hold it.",
            "Take letters, digits, spaces and . - _ only.",
            name=ascii(output.name),
        )
    if len(output.name.encode("utf-8")) > _LONGEST_NAME_BYTES:
        raise BadTarget(
            "The name of the file is too long: {path}.", "Take a shorter name.", path=output
        )


def require_plain_texts(texts: Iterable[str]) -> None:
    """Raises BadTarget for a title or licence that the runtime would not take from a manifest."""
    for text in texts:
        if not _is_plain(text) or len(text) > _LONGEST_TEXT:
            raise BadTarget(
                f"{text[:60]!a} cannot be a name or a licence.",
                f"Take one line of at most {_LONGEST_TEXT} letters, without control characters.",
            )


def require_apart(output: Path, checkpoint: Path, texts: Iterable[Path]) -> None:
    """Raises BadTarget where a file to be written is one that is read: `--force` does not allow that."""
    written = {path.resolve() for path in (output, manifest_path(output), report_path(output))}
    read = {text.resolve() for text in texts}
    if written & read or output.resolve().parent == checkpoint.resolve():
        raise BadTarget(
            f"{output} lies among the files that are read.",
            "Name an output outside the checkpoint's folder.",
        )


def plain(text: str) -> str:
    """Return a text with a space for each letter that no manifest may hold, cut to its longest length."""
    return "".join(letter if _is_plain(letter) else " " for letter in text[:_LONGEST_TEXT])


def _is_plain(text: str) -> bool:
    return not any(unicodedata.category(letter).startswith("C") for letter in text)
