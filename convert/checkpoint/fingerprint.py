"""One SHA-256 for a whole checkpoint, so that a conversion can be repeated from the same source.

It is what `sha256sum FILES | sha256sum` prints for the files that a conversion reads, sorted by name.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from convert.checkpoint.formats.stored import COPY_AGAIN
from convert.errors import BadCheckpoint
from convert.hashing import sha256_of

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


def fingerprint(folder: Path, shards: Sequence[Path], count: Callable[[int], None]) -> str:
    """Return it in hexadecimal; `count` hears of every number of bytes read.

    Raises BadCheckpoint where a file cannot be read.
    """
    beside = [path for name in BESIDE_THE_WEIGHTS if (path := folder / name).is_file()]
    lines = []
    for path in sorted({*beside, *shards}, key=lambda path: path.name):
        try:
            lines.append(f"{sha256_of(path, count)}  {path.name}\n")
        except OSError as error:
            raise BadCheckpoint(
                f"{path.name} cannot be read: {error.strerror}.", COPY_AGAIN
            ) from error
    return hashlib.sha256("".join(lines).encode()).hexdigest()
