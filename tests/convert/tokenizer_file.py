"""Writes a tokenizer.model as Gemma's: SentencePiece's protocol buffer, byte by byte.

Only the few fields that Gemma's tokenizer sets. The field numbers are those of sentencepiece_model.proto; a
protocol buffer library would be a dependency for forty lines.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple


class Kind(IntEnum):
    """SentencePiece's types of pieces."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    BYTE = 6


class Piece(NamedTuple):
    text: str
    score: float
    kind: Kind


BPE = 2


def write_tokenizer(path: Path, pieces: Iterable[Piece]) -> None:
    """The model of these pieces; <pad> <eos> <bos> <unk> must be the first four."""
    body = bytearray()
    count = 0
    for piece in pieces:
        body += field(1, encode_piece(piece))
        count += 1
    trainer = b"".join(
        (
            number(3, BPE),
            number(4, count),
            number(24, 0),  # treat_whitespace_as_suffix
            number(25, 1),  # split_digits
            number(26, 1),  # allow_whitespace_only_pieces
            number(35, 1),  # byte_fallback
            number(40, 3),  # unk_id
            number(41, 2),  # bos_id
            number(42, 1),  # eos_id
            number(43, 0),  # pad_id
            *(
                field(45 + i, f"<{name}>".encode())
                for i, name in enumerate(("unk", "bos", "eos", "pad"))
            ),
        )
    )
    normalizer = b"".join(
        (
            field(1, b"identity"),
            number(3, 0),  # add_dummy_prefix
            number(4, 0),  # remove_extra_whitespaces
            number(5, 1),  # escape_whitespaces
        )
    )
    path.write_bytes(bytes(body) + field(2, trainer) + field(3, normalizer))


def encode_piece(piece: Piece) -> bytes:
    score = tag(2, 5) + struct.pack("<f", piece.score)
    return field(1, piece.text.encode()) + score + number(3, piece.kind)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(field_number: int, wire: int) -> bytes:
    return varint(field_number << 3 | wire)


def number(field_number: int, value: int) -> bytes:
    return tag(field_number, 0) + varint(value)


def field(field_number: int, data: bytes) -> bytes:
    return tag(field_number, 2) + varint(len(data)) + data
