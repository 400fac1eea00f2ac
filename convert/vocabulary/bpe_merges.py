"""SentencePiece's merges in Python: which pieces come up on the way from letters to tokens.

For planning, where llama.cpp's answer, the last pieces alone, is not enough. Control pieces are never
made of text.
"""

import heapq
import re

import gguf

from convert.vocabulary.tokenizer import Tokenizer
from convert.vocabulary.tokenizer_files import SPACE


class Merges:
    """The merges of one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        control = {gguf.TokenType.CONTROL, gguf.TokenType.BYTE, gguf.TokenType.UNUSED}
        self._scores = {
            piece: score
            for piece, score, kind in zip(
                tokenizer.pieces, tokenizer.scores.tolist(), tokenizer.kinds.tolist(), strict=True
            )
            if kind not in control
        }
        whole = [
            tokenizer.pieces[token] for token in tokenizer.of_kind(gguf.TokenType.USER_DEFINED)
        ]
        longest_first = sorted(whole, key=len, reverse=True)
        self._whole = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        inner_space = any(SPACE in piece[1:] for piece in self._scores)
        # Where a space only ever begins a piece, no merge crosses it: words can be merged one by one.
        self._word = re.compile(rf".[^{SPACE}]*", re.DOTALL) if not inner_space else None
        self._known_words: dict[str, tuple[list[str], frozenset[str]]] = {}

    def pieces_of(self, text: str) -> list[str]:
        """The pieces of a text, a letter without a piece as it is: what shows that these are llama.cpp's
        merges."""
        return [piece for word in self._words(text) for piece in self._merged(word)[0]]

    def needed_by(self, text: str) -> set[str]:
        """All pieces that a text's merges make, the last ones included. A vocabulary that has them,
        with the same scores and no piece that the full one lacks, merges this text in the same way:
        at each step the best pair is still there, and there are no new pairs."""
        return set().union(*(self._merged(word)[1] for word in self._words(text)))

    def _words(self, text: str) -> list[str]:
        words: list[str] = []
        for fragment in self._whole.split(text):
            spaced = fragment.replace(" ", SPACE)
            words += self._word.findall(spaced) if self._word else [spaced] if spaced else []
        return words

    def _merged(self, word: str) -> tuple[list[str], frozenset[str]]:
        known = self._known_words.get(word)
        if known is None:
            known = self._known_words[word] = self._merge(word)
        return known

    def _merge(self, word: str) -> tuple[list[str], frozenset[str]]:
        symbols: list[str] = list(word)
        following = [*range(1, len(symbols)), -1]
        preceding = [*range(-1, len(symbols) - 1)]
        queue: list[tuple[float, int, int, str]] = []
        made = {letter for letter in symbols if letter in self._scores}

        def offer(left: int, right: int) -> None:
            if left >= 0 and right >= 0:
                joined = symbols[left] + symbols[right]
                score = self._scores.get(joined)
                if score is not None:
                    heapq.heappush(queue, (-score, left, right, joined))

        for left in range(len(symbols) - 1):
            offer(left, left + 1)
        while queue:
            _, left, right, joined = heapq.heappop(queue)
            if not symbols[left] or not symbols[right] or symbols[left] + symbols[right] != joined:
                continue
            symbols[left], symbols[right] = joined, ""
            following[left] = following[right]
            if following[right] >= 0:
                preceding[following[right]] = left
            made.add(joined)
            offer(preceding[left], left)
            offer(left, following[left])
        return [symbol for symbol in symbols if symbol], frozenset(made)
