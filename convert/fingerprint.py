"""One SHA-256 for a whole checkpoint, so that a conversion can be repeated from the same source.

It is what `sha256sum FILES | sha256sum` prints for the files that a conversion reads, sorted by name.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from convert.errors import BadCheckpoint
from convert.formats.stored import COPY_AGAIN

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes there are."""

BESIDE_THE_WEIGHTS = (
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "quantize_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
)
_CHUNK_BYTES = 1 << 22


def fingerprint(folder: Path, shards: Sequence[Path], progress: Progress | None = None) -> str:
    """Hexadecimal. Raises BadCheckpoint where a file cannot be read."""
    beside = [path for name in BESIDE_THE_WEIGHTS if (path := folder / name).is_file()]
    files = sorted((*beside, *shards), key=lambda path: path.name)
    total = sum(path.stat().st_size for path in files)
    done = 0
    lines = []
    for path in files:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    done += len(chunk)
                    if progress is not None:
                        progress(done, total)
        except OSError as error:
            raise BadCheckpoint(
                f"{path.name} cannot be read: {error.strerror}.", COPY_AGAIN
            ) from error
        lines.append(f"{digest.hexdigest()}  {path.name}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()
