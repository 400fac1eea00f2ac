"""Calibration data: a text as sequences of token ids, most to calibrate on, some for validation.

Knows text and a vocabulary, no weights.
"""

import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from convert.calibrate.calibration import Tokens
from convert.calibrate.conversations import ChatTemplates, conversations
from convert.errors import BadCheckpoint
from convert.native.llama import LlamaModel
from convert.vocabulary.proof import write_vocabulary
from convert.vocabulary.tokenizer import Tokenizer

DEFAULT_TEXT = Path(__file__).parents[1] / "data" / "calibration.tg.txt"
SEQUENCE_LENGTH = 512
_VALIDATION_EVERY = 8
"""Every eighth line goes to the validation sequences."""
_MOST_VALIDATION = 6
"""The most sequences that are measured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationData:
    """Sequences of one length, each beginning with <bos>."""

    sequences: Tokens
    """Plain ones first, then conversations."""
    validation: Tokens


def read_text(path: Path) -> str:
    """Raises BadCheckpoint where it is no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCheckpoint(
            f"The calibration text {path} cannot be read: {error}.",
            "Name a text file in UTF-8, one paragraph a line.",
        ) from error


def calibration_sequences(
    text: str,
    tokenizer: Tokenizer,
    *,
    most_tokens: int,
    sequence_length: int = SEQUENCE_LENGTH,
    chat: ChatTemplates | None = None,
) -> CalibrationData:
    """Tokenize `text` and cut it into sequences of `sequence_length` tokens.

    With `chat`, half of those to calibrate on are conversations. Raises BadCheckpoint where the text is too
    short.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    validation = lines[_VALIDATION_EVERY - 1 :: _VALIDATION_EVERY]
    others = [line for number, line in enumerate(lines, 1) if number % _VALIDATION_EVERY]
    most = max(1, most_tokens // sequence_length)
    chats: list[list[int]] = []
    with tempfile.TemporaryDirectory(prefix="soro-texts-") as folder:
        path = Path(folder) / "vocabulary.gguf"
        write_vocabulary(tokenizer, path)
        with LlamaModel(path, vocabulary_only=True) as model:
            if chat:
                spoken, others = others[len(others) // 2 :], others[: len(others) // 2]
                tokenize = partial(model.tokenize, parse_special=True)
                found = conversations(spoken, tokenizer, chat, tokenize, sequence_length)
                chats = list(islice(found, most // 2))
            ids = [model.tokenize("\n".join(part)) for part in (others, validation)]
    sequences, measured = (
        _cut(found, tokenizer.special.bos, sequence_length, limit)
        for found, limit in zip(ids, (most - len(chats), _MOST_VALIDATION), strict=True)
    )
    if not len(sequences) or not len(measured):
        raise BadCheckpoint(
            f"The calibration text is too short: {sum(map(len, ids)):,} tokens.",
            f"Give at least {2 * (_VALIDATION_EVERY + 1) * sequence_length:,} tokens,"
            " some 30,000 letters of Tajik.",
        )
    if chats:
        sequences = np.concatenate([sequences, np.array(chats, dtype=np.int64)])
    return CalibrationData(sequences=sequences, validation=measured)


def _cut(ids: list[int], bos: int, length: int, most: int) -> Tokens:
    count = min(most, len(ids) // (length - 1))
    body = np.array(ids[: count * (length - 1)], dtype=np.int64).reshape(count, length - 1)
    return np.concatenate([np.full((count, 1), bos, dtype=np.int64), body], axis=1)
