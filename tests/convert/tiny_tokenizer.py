"""A tokenizer.model with the order of Gemma's pieces and a few hundred merges, learned from a few sentences.

As in the real one: <pad> <eos> <bos> <unk>, unused pieces, the turn marks as user-defined pieces 105 and 106,
runs of new lines and spaces, 256 bytes, merges by falling score, and single letters at the end.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Iterator

from tests.convert.tokenizer_file import Kind, Piece

SPACE = "▁"
START_OF_TURN = 105
END_OF_TURN = 106
TEXT = """Забони тоҷикӣ забони давлатии Ҷумҳурии Тоҷикистон аст ва дар мактаб омӯхта мешавад
Устод ба хонандагон қоидаи ҷамъ ва тарҳи ададҳоро бо мисолҳо мефаҳмонад
Оби дарё аз кӯҳҳои баланд ҷорӣ шуда водиҳои сабзро шодоб мегардонад
Ғалладонагиҳо дар фасли тирамоҳ ҷамъоварӣ карда мешаванд
Учитель объясняет ученикам правила сложения и вычитания на простых примерах
Школа начинается осенью и дети снова садятся за парты
The teacher explains the rules of addition with simple examples
Water runs from the high mountains to the green valleys"""
MERGES = 220


@functools.cache
def tiny_pieces() -> tuple[Piece, ...]:
    """Always the same ones."""
    return tuple(_pieces())


def _pieces() -> Iterator[Piece]:
    for text in ("<pad>", "<eos>", "<bos>"):
        yield Piece(text, 0.0, Kind.CONTROL)
    yield Piece("<unk>", 0.0, Kind.UNKNOWN)
    fixed = ["<mask>", "[multimodal]", *(f"<unused{number}>" for number in range(99))]
    fixed += ["<start_of_turn>", "<end_of_turn>"]
    fixed += ["\n" * count for count in range(1, 5)] + [SPACE * count for count in range(2, 6)]
    for text in fixed:
        yield Piece(text, 0.0, Kind.USER_DEFINED)
    for value in range(256):
        yield Piece(f"<0x{value:02X}>", 0.0, Kind.BYTE)
    words = [tuple(SPACE + word) for word in TEXT.split()]
    letters = sorted({letter for word in words for letter in word} | set("0123456789.,!?+-=()«»"))
    learned = [*_merges(words), *letters]
    for rank, text in enumerate(dict.fromkeys(learned)):
        yield Piece(text, -float(rank), Kind.NORMAL)
    for text in ("<start_of_image>", "<end_of_image>", "<unused99>", "<unused100>"):
        yield Piece(text, 0.0, Kind.USER_DEFINED)


def _merges(words: list[tuple[str, ...]]) -> Iterator[str]:
    """Byte-pair encoding's merges: the most frequent neighbours first."""
    counts = Counter(words)
    for _ in range(MERGES):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in counts.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        pair = min(pairs, key=lambda candidate: (-pairs[candidate], candidate))
        yield pair[0] + pair[1]
        counts = Counter({_merged(word, pair): count for word, count in counts.items()})


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for part in word:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)
