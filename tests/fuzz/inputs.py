"""Damaged and hostile inputs, each made again from its number. Knows file formats, not what reads them."""

import random
import struct
from pathlib import Path

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_NUMBERS = (
    0,
    1,
    2,
    7,
    255,
    512,
    65_536,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
_KEYS = (
    "general.architecture",
    "general.name",
    "general.alignment",
    "general.type",
    "gemma3.block_count",
    "gemma3.embedding_length",
    "gemma3.feed_forward_length",
    "gemma3.context_length",
    "gemma3.attention.head_count",
    "gemma3.attention.head_count_kv",
    "gemma3.attention.key_length",
    "gemma3.attention.sliding_window",
    "tokenizer.ggml.model",
    "tokenizer.ggml.tokens",
    "tokenizer.chat_template",
    "split.count",
    "x",
    "",
)
_TEXTS = (
    b"gemma3",
    b"llama",
    b"clip",
    b"",
    b"\xff\xfe",
    b"\x1b]0;title\x07",
    b"..\\..\\x",
    "Ҷадвал".encode(),
    b"a" * 70_000,
)


def typed_gguf(number: int) -> bytes:
    """A GGUF whose frame is right and whose values have any type and any size."""
    draw = random.Random(f"gguf {number}")
    tensors = [_tensor(draw) for _ in range(draw.choice((0, 1, 2, 5)))]
    pairs = [_pair(draw) for _ in range(draw.randrange(14))]
    version = draw.choice((3, 3, 3, 3, 3, 2, 1, 4, 0x03000000))
    counts = [len(tensors), len(pairs)]
    if draw.random() < 0.05:
        counts[draw.randrange(2)] = draw.choice(_NUMBERS)
    head = struct.pack("<4sIQQ", b"GGUF", version, *counts)
    return head + b"".join(pairs) + b"".join(tensors) + bytes(draw.choice((0, 32, 4096)))


def _pair(draw: random.Random) -> bytes:
    return _text(draw.choice(_KEYS).encode()) + _value(draw, depth=0)


def _value(draw: random.Random, *, depth: int) -> bytes:
    kind = draw.choice((*_SCALARS, 8, 8, 8, 9, 9, 13, 200))
    return struct.pack("<I", kind) + _payload(draw, kind, depth)


def _payload(draw: random.Random, kind: int, depth: int) -> bytes:
    if kind in _SCALARS:
        return _scalar(draw, kind)
    if kind == 8:
        return _text(draw.choice(_TEXTS))
    if kind != 9 or depth > 40:
        return b""
    item = draw.choice((*_SCALARS, 8, 9))
    length = draw.choice((0, 1, 3, 18, *_NUMBERS))
    content = b"".join(_payload(draw, item, depth + 1) for _ in range(min(length, 20)))
    return struct.pack("<IQ", item, length) + content


def _scalar(draw: random.Random, kind: int) -> bytes:
    letter = _SCALARS[kind]
    if letter in "fd":
        return struct.pack("<" + letter, draw.choice((0.0, -1.0, 1e30, float("nan"), float("inf"))))
    bits = 8 * struct.calcsize(letter)
    raw = draw.choice(_NUMBERS) % (1 << bits)
    return raw.to_bytes(bits // 8, "little")


def _text(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data


def _tensor(draw: random.Random) -> bytes:
    dimensions = draw.choice((0, 1, 1, 2, 2, 2, 4, 5, 300))
    shape = [draw.choice((0, 1, 32, 640, *_NUMBERS)) for _ in range(dimensions)]
    name = draw.choice((b"token_embd.weight", b"blk.0.ffn_up.weight", b"", b"\xff" * 9))
    kind = draw.choice((0, 1, 2, 8, 12, 30, 4, 99, 1 << 31))
    offset = draw.choice(_NUMBERS)
    return _text(name) + struct.pack(f"<I{dimensions}QIQ", dimensions, *shape, kind, offset)


def damaged(data: bytes, number: int, *, within: int | None = None) -> bytes:
    """`data` with bytes flipped, zeroed, put in, taken out, or cut off; within its first bytes if told."""
    draw = random.Random(f"damage {number}")
    changed = bytearray(data)
    end = min(len(changed), within or len(changed))
    for _ in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(max(1, end))
        length = draw.choice((1, 1, 4, 16, 512))
        match draw.randrange(6):
            case 0 | 1:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 2:
                changed[at : at + length] = bytes(len(changed[at : at + length]))
            case 3:
                changed[at:at] = draw.randbytes(length)
            case 4:
                del changed[at : at + length]
            case 5:
                changed[at : at + 8] = draw.choice(_NUMBERS).to_bytes(8, "little")
    if draw.random() < 0.15:
        del changed[draw.randrange(max(1, end)) :]
    return bytes(changed)


_MANIFEST = """name = "m"
title = "A model"
languages = ["tg"]
license = "gemma"
[file]
name = "m.gguf"
size_bytes = 1000
sha256 = ""
[context]
tokens = 2048
[sampling]
temperature = 0.5
[prompt]
system = "Ту омӯзгор ҳастӣ."
"""
_VALUES = (
    *(
        "1",
        "-1",
        "0",
        "10" * 200,
        "nan",
        "inf",
        "-inf",
        '""',
        '"x"',
        "[]",
        "{}",
        "true",
        "1979-05-27",
    ),
    *(
        '"../../x"',
        '"a\\u0000b"',
        '"a:b"',
        "[" * 900 + "]" * 900,
        '"\\u202e"',
        "1e400",
        "0x10",
        '"""a\nb"""',
    ),
)


def manifest(number: int) -> bytes:
    """A manifest with some values replaced, some lines twice or missing, some bytes damaged."""
    draw = random.Random(f"manifest {number}")
    lines = _MANIFEST.splitlines()
    for _ in range(draw.choice((1, 2, 4))):
        at = draw.randrange(len(lines))
        key, equals, _old = lines[at].partition("=")
        match draw.randrange(4):
            case 0 | 1 if equals:
                lines[at] = f"{key}= {draw.choice(_VALUES)}"
            case 2:
                lines.insert(at, lines[at])
            case _:
                del lines[at]
    data = "\n".join(lines).encode()
    data = draw.choice((b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00")) + data
    return damaged(data, number) if draw.random() < 0.4 else data


_PARTS = (
    "{{ bos_token }}",
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}",
    "{% for m in messages %}{{ m.content | trim | upper }}{% endfor %}",
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}",
    "{{ messages[-1]['content'][:3] }}",
    "{{ 1 / 0 }}",
    "{{ '%d' % 'x' }}",
    "{{ messages[99].content }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set x = 'a' * 10 ** 9 %}{{ x + x }}",
    "{{ 'a'.center(10 ** 9) }}",
    "{{ 'x' | center(10 ** 9) }}",
    "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum(100000) }}",
    "{{ '\\ud800' }}",
    "{% generation %}{{ messages[-1].content }}{% endgeneration %}",
    "{% for m in messages %}{{ m.content }}{% break %}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for i in range(10000000) %}{% set ns.x = ns.x + [i] %}{% endfor %}",
    "{% include 'x' %}{% import 'y' as z %}",
    "{{ (2 ** 99999999) | string | length }}",
    "{% unknown %}",
    "{{ unclosed",
    "{{ strftime_now('%d') }}{{ tools | tojson }}",
    "{{ messages | tojson }}",
    "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "\x1b]52;c;AAAA\x07",
    "<start_of_turn>user\n{{ messages[-1].content }}<end_of_turn>\n",
)


def template(number: int) -> str:
    """Each part alone first, then mixtures."""
    if number < len(_PARTS):
        return _PARTS[number]
    draw = random.Random(f"template {number}")
    return "".join(draw.choice(_PARTS) for _ in range(draw.randrange(1, 5)))


def write(path: Path, data: bytes) -> Path:
    """Write an input; returns its path."""
    path.write_bytes(data)
    return path
