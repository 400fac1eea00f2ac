"""Calibration text as rows of token ids: most of it to calibrate on, some held out to measure on.

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
TOKENS_IN_TEXT = 512
_HELD_EVERY = 8
"""Every eighth line is held out."""
_MOST_HELD = 6
"""Texts that are measured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTexts:
    """Texts of one length, each beginning with <bos>."""

    calibrating: Tokens
    """Plain ones first, then conversations."""
    held: Tokens


def read_text(path: Path) -> str:
    """Raises BadCheckpoint where it is no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCheckpoint(
            f"The calibration text {path} cannot be read: {error}.",
            "Name a text file in UTF-8, one paragraph a line.",
        ) from error


def tokenized_texts(
    text: str,
    tokenizer: Tokenizer,
    *,
    most_tokens: int,
    tokens_in_text: int = TOKENS_IN_TEXT,
    chat: ChatTemplates | None = None,
) -> CalibrationTexts:
    """Cut `text` into texts of `tokens_in_text` tokens; with `chat` half of those to calibrate on are
    conversations. Raises BadCheckpoint where it is too short."""
    lines = [line for line in text.splitlines() if line.strip()]
    held = lines[_HELD_EVERY - 1 :: _HELD_EVERY]
    others = [line for number, line in enumerate(lines, 1) if number % _HELD_EVERY]
    most = max(1, most_tokens // tokens_in_text)
    chats: list[list[int]] = []
    with tempfile.TemporaryDirectory(prefix="soro-texts-") as folder:
        path = Path(folder) / "vocabulary.gguf"
        write_vocabulary(tokenizer, path)
        with LlamaModel(path, vocabulary_only=True) as model:
            if chat:
                spoken, others = others[len(others) // 2 :], others[: len(others) // 2]
                tokenize = partial(model.tokenize, parse_special=True)
                found = conversations(spoken, tokenizer, chat, tokenize, tokens_in_text)
                chats = list(islice(found, most // 2))
            ids = [model.tokenize("\n".join(part)) for part in (others, held)]
    calibrating, measured = (
        _cut(found, tokenizer.special.bos, tokens_in_text, limit)
        for found, limit in zip(ids, (most - len(chats), _MOST_HELD), strict=True)
    )
    if not len(calibrating) or not len(measured):
        raise BadCheckpoint(
            f"The calibration text is too short: {sum(map(len, ids)):,} tokens.",
            f"Give at least {2 * (_HELD_EVERY + 1) * tokens_in_text:,} tokens, some 30,000 letters of Tajik.",
        )
    if chats:
        calibrating = np.concatenate([calibrating, np.array(chats, dtype=np.int64)])
    return CalibrationTexts(calibrating=calibrating, held=measured)


def _cut(ids: list[int], bos: int, length: int, most: int) -> Tokens:
    count = min(most, len(ids) // (length - 1))
    body = np.array(ids[: count * (length - 1)], dtype=np.int64).reshape(count, length - 1)
    return np.concatenate([np.full((count, 1), bos, dtype=np.int64), body], axis=1)
