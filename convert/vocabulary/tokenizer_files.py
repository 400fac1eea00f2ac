"""The two files that a tokenizer comes in, as one table of pieces: tokenizer.model and tokenizer.json.

Knows how SentencePiece and Hugging Face store pieces, and nothing of special ids or templates. The
table is what llama.cpp's SentencePiece tokenizer wants: of two merges the one with the higher score is
made first, so a tokenizer.json, which lists merges in order, is usable where that order is one of pieces.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2

from convert.checkpoint.json_file import read_object
from convert.errors import BadCheckpoint, UnsupportedCheckpoint

SPACE = "▁"
"""Stands for a space inside a piece."""
_ADDED_SCORE = -1000.0
_LARGEST_GAP = 10_000
_protos: Any = sentencepiece_model_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceTable:
    """Pieces by id while they are gathered; the three lists are equally long."""

    pieces: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    kinds: list[gguf.TokenType] = field(default_factory=list)

    def put(self, token: int, piece: str, score: float, kind: gguf.TokenType) -> None:
        """Set one piece; ids between the last one and `token` become unused pieces."""
        if not 0 <= token <= len(self.pieces) + _LARGEST_GAP:
            raise ValueError(f"piece {piece!r} has the id {token}")
        for gap in range(len(self.pieces), token + 1):
            self.pieces.append(f"[PAD{gap}]")
            self.scores.append(-10000.0)
            self.kinds.append(gguf.TokenType.UNUSED)
        self.pieces[token], self.scores[token], self.kinds[token] = piece, score, kind

    def add(self, token: int, piece: str, *, special: bool) -> None:
        """An added piece: control where it is special, else matched in any text before the merges.
        Its spaces are plain spaces then, because llama.cpp matches it before it marks spaces."""
        if special or looks_special(piece):
            self.put(token, piece, _ADDED_SCORE, gguf.TokenType.CONTROL)
        else:
            self.put(token, piece.replace(SPACE, " "), _ADDED_SCORE, gguf.TokenType.USER_DEFINED)


def looks_special(piece: str) -> bool:
    """Control pieces that a checkpoint may list as ordinary ones. A pupil's text must never become
    one of them."""
    named = ("<pad>", "<mask>", "<2mass>", "[@BOS@]", "<bos>", "<eos>")
    chat = ("<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>")
    unused = piece.startswith("<unused") and piece.endswith(">")
    return piece in named or piece in chat or unused or (piece[:2], piece[-2:]) == ("<|", "|>")


def read_sentencepiece(path: Path) -> PieceTable:
    """Pieces of a tokenizer.model. Raises BadCheckpoint."""
    model = _protos.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise _no_sentencepiece(path) from error
    if not model.pieces:
        raise _no_sentencepiece(path)
    kinds = {int(kind): kind for kind in gguf.TokenType}
    table = PieceTable(
        pieces=[piece.piece for piece in model.pieces],
        scores=[piece.score for piece in model.pieces],
        kinds=[kinds[piece.type] for piece in model.pieces],
    )
    for token, kind in enumerate(table.kinds):
        if kind is gguf.TokenType.USER_DEFINED:
            table.add(token, table.pieces[token], special=False)
    return table


def _no_sentencepiece(path: Path) -> BadCheckpoint:
    return BadCheckpoint(
        f"{path.name} is not a SentencePiece model.",
        "Copy the checkpoint again, all of its files.",
    )


def read_tokenizer_json(path: Path) -> PieceTable:
    """Pieces of a tokenizer.json. Raises BadCheckpoint, UnsupportedCheckpoint."""
    content = read_object(path)
    try:
        return _table_of(content, path.name)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadCheckpoint(
            f"{path.name} has no BPE vocabulary with merges.",
            "Add the checkpoint's tokenizer.model, or copy its tokenizer.json again.",
        ) from error


def added_tokens(content: dict[str, Any]) -> dict[int, tuple[str, bool]]:
    """The added tokens of a tokenizer.json by id: the piece, and whether it is special.

    Raises KeyError, TypeError or ValueError where they cannot be read.
    """
    return {
        int(entry["id"]): (str(entry["content"]), bool(entry.get("special")))
        for entry in content.get("added_tokens") or ()
    }


def _table_of(content: dict[str, Any], name: str) -> PieceTable:
    model, normalizer = content["model"], content["normalizer"] or {}
    if not model.get("byte_fallback") or normalizer.get("content") != SPACE:
        raise UnsupportedCheckpoint(
            f"{name} is not a tokenizer of the Gemma family.",
            "Only Gemma 3 checkpoints are converted; add tokenizer.model if this is one.",
        )
    vocabulary: dict[str, int] = model["vocab"]
    added = {piece: (token, special) for token, (piece, special) in added_tokens(content).items()}
    order = _merge_order(map(_pair, model["merges"]), vocabulary, added.keys(), name)
    table = PieceTable()
    next_rank = len(order)
    for piece, token in sorted(vocabulary.items(), key=lambda entry: entry[1]):
        if _is_byte(piece):
            table.put(token, piece, 0.0, gguf.TokenType.BYTE)
        else:
            rank = order.get(piece, next_rank)
            table.put(token, piece, -float(rank), gguf.TokenType.NORMAL)
            next_rank += rank == next_rank
    for piece, (token, special) in added.items():
        table.add(token, piece, special=special)
    return table


def _is_byte(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _merge_order(
    merges: Iterable[tuple[str, str]], vocabulary: dict[str, int], added: Set[str], name: str
) -> dict[str, int]:
    """Merged pieces in the order of their merges.

    Equal to the merges only if all pairs that give one piece stand together, and if every pair of
    pieces whose joined text is a piece is a merge: SentencePiece knows no other rule.
    """
    order: dict[str, int] = {}
    pairs: dict[str, int] = {}
    latest = ""
    for left, right in merges:
        piece = left + right
        if piece in added:
            continue
        if piece != latest and piece in order:
            raise _no_order(name, piece)
        order.setdefault(piece, len(order))
        pairs[piece] = pairs.get(piece, 0) + 1
        latest = piece
    for piece in vocabulary.keys() - added:
        splits = ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))
        if not _is_byte(piece) and pairs.get(piece, 0) != sum(
            left in vocabulary and right in vocabulary for left, right in splits
        ):
            raise _no_order(name, piece)
    return order


def _no_order(name: str, piece: str) -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        f"{name} merges {piece!r} in an order that no SentencePiece vocabulary has.",
        "Add the checkpoint's tokenizer.model.",
    )
