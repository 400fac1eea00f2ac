"""Which pieces of a vocabulary stay, and the tokenizer that is left of it.

Why texts of the kept scripts have exactly the same tokens: llama.cpp first cuts a text at the
user-defined pieces; all of them stay. Then it merges neighbours: a pair is a candidate if its joined
text is a piece, the candidate with the highest score is merged first, and letters that stay alone and
are no piece become bytes. Everything it looks up is a part of the text, and every part of a text that
`keeps_exactly` holds for is again such a text. All pieces that it holds for stay with their scores,
and none is new, so every look-up has the same answer, and the merges are the same, one by one.

For other texts, English above all, it is enough that the pieces which their merges make are there
(Merges.needed_by): a piece is kept with those or not at all. Any other text still comes back from its
bytes. Knows no weights: the embedding's rows follow `VocabularyPlan.kept`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import gguf
import numpy as np
from numpy.typing import NDArray

from convert.errors import TooFewRows
from convert.vocabulary.bpe_merges import Merges
from convert.vocabulary.tokenizer import SpecialIds, Tokenizer
from convert.vocabulary.unicode_scripts import (
    ASCII_LETTER,
    CYRILLIC,
    NEUTRAL,
    is_kept_shape,
    shapes,
)

DEFAULT_ROWS = 32_768
_CYRILLIC = "Cyrillic"
_NEUTRAL = "digits, punctuation, mathematics, symbols"
_LETTERS = "single Latin and Greek letters"
_CAPITAL_INSIDE = re.compile("[A-Za-z][A-Z]")

_LESSON_TEXT = r"""
 user model system assistant
\frac{}{} \dfrac \sqrt[]{} \cdot \times \div \pm \mp \le \leq \ge \geq \ne \neq \approx \equiv \sim \to
\infty \partial \nabla \sum \prod \int \lim \log \ln \lg \exp \sin \cos \tan \cot \tg \ctg \arcsin \arccos
\arctan \max \min \alpha \beta \gamma \delta \Delta \epsilon \varepsilon \zeta \eta \theta \lambda \mu \nu
\pi \rho \sigma \Sigma \tau \phi \varphi \Phi \psi \omega \Omega \text{} \mathrm{} \mathbf{} \mathbb{} \vec{}
\overline{} \underline{} \bar{} \hat{} \left( \right) \left[ \right] \begin{cases} \end{cases} \begin{aligned}
\begin{array} \begin{matrix} \begin{pmatrix} \end{aligned} \quad \ldots \dots \cdots \angle \triangle
\parallel \perp \circ \degree \Rightarrow \rightarrow \Leftrightarrow \leftarrow \in \notin \subset
\cup \cap \emptyset
\forall \exists \boxed{} \displaystyle
 sin cos tan log lim max min mod km cm mm dm kg mg ml mol Hz kHz Pa kPa Wh kW eV
 H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr
 Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir
 Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu
"""
"""What a tutor writes in Latin letters in a Tajik lesson: LaTeX, functions, units, elements, roles."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VocabularyPlan:
    """What stays of a vocabulary."""

    kept: NDArray[np.int64]
    """[new rows]; the old id of each new id, ascending: row `kept[i]` of the embedding becomes row i."""
    tokenizer: Tokenizer
    """The trimmed one."""
    groups: dict[str, int]
    """How many pieces stay for what reason, in the order of the reasons; sums up to the rows."""
    old_rows: int

    @property
    def rows(self) -> int:
        return len(self.kept)


def plan_vocabulary(
    tokenizer: Tokenizer, *, rows: int | None = DEFAULT_ROWS, keep_text: str = ""
) -> VocabularyPlan:
    """Choose `rows` pieces; all of them stay where it is None or not less than what there is. Take a
    multiple of 32: llama.cpp has its fast kernels for rows by the eight only.

    `keep_text` is any text whose tokens shall be the same after trimming. Raises TooFewRows where what
    must stay is more than `rows`.
    """
    if rows is None or rows >= len(tokenizer):
        everything = np.arange(len(tokenizer))
        return VocabularyPlan(
            kept=everything,
            tokenizer=tokenizer,
            groups={"everything": len(tokenizer)},
            old_rows=len(tokenizer),
        )
    merges = Merges(tokenizer)
    choice = _Choice(tokenizer, merges)
    choice.take("control", _chat_control(tokenizer))
    choice.take("bytes", tokenizer.of_kind(gguf.TokenType.BYTE).tolist())
    choice.take("user-defined", tokenizer.of_kind(gguf.TokenType.USER_DEFINED).tolist())
    of_pieces = shapes(tokenizer.pieces)
    _take_scripts(choice, of_pieces)
    choice.take_text("lesson text", _LESSON_TEXT)
    choice.take_text("kept text", keep_text)
    if len(choice.kept) > rows:
        raise TooFewRows(
            f"{rows:,} vocabulary rows are too few: {len(choice.kept):,} pieces must stay.",
            f"Take at least {-(-len(choice.kept) // 32) * 32:,}, or `full`.",
        )
    choice.fill("frequent Latin", _by_usefulness(tokenizer, of_pieces), rows)
    kept = np.array(sorted(choice.kept), dtype=np.int64)
    return VocabularyPlan(
        kept=kept,
        tokenizer=_trimmed(tokenizer, kept),
        groups=choice.groups,
        old_rows=len(tokenizer),
    )


class _Choice:
    """Pieces taken so far, each counted for the first reason that took it."""

    def __init__(self, tokenizer: Tokenizer, merges: Merges) -> None:
        self.kept: set[int] = set()
        self.groups: dict[str, int] = {}
        self._pieces, self._merges = tokenizer.pieces, merges
        self._ids = {piece: token for token, piece in enumerate(tokenizer.pieces)}

    def take(self, reason: str, tokens: Iterable[int]) -> None:
        before = len(self.kept)
        self.kept.update(tokens)
        self.groups[reason] = self.groups.get(reason, 0) + len(self.kept) - before

    def take_text(self, reason: str, text: str) -> None:
        self.take(reason, (self._ids[piece] for piece in self._merges.needed_by(text)))

    def fill(self, reason: str, tokens: Iterable[int], rows: int) -> None:
        """Take tokens in this order, each with the pieces its merges make, until `rows` are kept."""
        before = len(self.kept)
        for token in tokens:
            if len(self.kept) == rows:
                break
            piece = self._pieces[token]
            needed = self._merges.needed_by(piece)
            # A piece that its own text does not lead to is never made of any text.
            if piece in needed:
                new = {self._ids[part] for part in needed} - self.kept
                if len(self.kept) + len(new) <= rows:
                    self.kept |= new
        self.groups[reason] = len(self.kept) - before


def _take_scripts(choice: _Choice, of_pieces: Sequence[str]) -> None:
    """All pieces that `keeps_exactly` holds for, of whatever kind, so that no look-up changes."""
    groups: dict[str, list[int]] = {_CYRILLIC: [], _NEUTRAL: [], _LETTERS: []}
    # There are far fewer shapes than pieces.
    group_of = {form: _group(form) for form in set(of_pieces) if is_kept_shape(form)}
    for token, form in enumerate(of_pieces):
        if group := group_of.get(form):
            groups[group].append(token)
    for group, tokens in groups.items():
        choice.take(group, tokens)


def _group(form: str) -> str:
    codes = set(form)
    if codes <= {NEUTRAL}:
        return _NEUTRAL
    return _CYRILLIC if codes <= {NEUTRAL, CYRILLIC} else _LETTERS


def _chat_control(tokenizer: Tokenizer) -> set[int]:
    """Control pieces with a meaning, those that the template names, and the start of a turn."""
    named = {
        int(token)
        for token in tokenizer.of_kind(gguf.TokenType.CONTROL)
        if tokenizer.pieces[token] in tokenizer.chat_template
        or tokenizer.pieces[token] == "<start_of_turn>"
    }
    return named | set(tokenizer.special.all())


def _by_usefulness(tokenizer: Tokenizer, of_pieces: Sequence[str]) -> list[int]:
    """Normal pieces, the most useful first: words in ASCII, then words with capitals inside, as programs
    have, then other writings; and of each, early merges before late ones.

    A merge is early where its piece is frequent in what the tokenizer was trained on. A list of English
    words by frequency instead costs English text hardly fewer tokens.
    """
    normal = tokenizer.of_kind(gguf.TokenType.NORMAL)
    ascii_codes = {NEUTRAL, ASCII_LETTER}
    rank = np.zeros(len(normal))
    is_ascii = {form: set(form) <= ascii_codes for form in set(of_pieces)}
    for index, token in enumerate(normal.tolist()):
        if not is_ascii[of_pieces[token]]:
            rank[index] = 2
        elif _CAPITAL_INSIDE.search(tokenizer.pieces[token]):
            rank[index] = 1
    order = np.lexsort((normal, -tokenizer.scores[normal], rank))
    found: list[int] = normal[order].tolist()
    return found


def _trimmed(tokenizer: Tokenizer, kept: NDArray[np.int64]) -> Tokenizer:
    new_ids = {int(old): new for new, old in enumerate(kept)}
    special = tokenizer.special

    def renumbered(token: int | None) -> int | None:
        return None if token is None else new_ids[token]

    return replace(
        tokenizer,
        pieces=tuple(tokenizer.pieces[token] for token in kept),
        scores=tokenizer.scores[kept],
        kinds=tokenizer.kinds[kept],
        special=SpecialIds(
            bos=new_ids[special.bos],
            eos=new_ids[special.eos],
            end_of_turn=new_ids[special.end_of_turn],
            unk=renumbered(special.unk),
            pad=renumbered(special.pad),
        ),
    )
