"""Which stars and underlines of an answer mean emphasis: those around words, none within a formula.

CommonMark reads `6*7*8` as a slanted 7. A tutor's answer is full of such products, so a run of `*` or `_`
opens only where a word begins and closes only where one ends; and what stands between two operands is
a formula, whatever its spaces.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

_BEFORE_OPENING = frozenset("([{«„“”\"'‘’—–:;,>|…!?")
_AFTER_CLOSING = frozenset(")]}»“”\"'‘’.,;:!?…—–|<")
_LONGEST_RUN = {"*": 3, "_": 2}
"""A longer run is a line to write on, or a row of stars."""
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_OPERAND = re.compile(r"(?:[\d)\]²³]|(?<![^\W\d_])[A-Za-z])\Z")
_OPERAND_FOLLOWS = re.compile(r"[\d(\[√π]|[A-Za-z](?![^\W\d_])")
_FORMULA_SIGN = re.compile(r"[\d=+*/^]|(?<![^\W\d_])[A-Za-z](?![^\W\d_])")
_IDENTIFIER = re.compile(r"[A-Za-z]\w*", re.ASCII)


def use_clear_emphasis(parser: MarkdownIt) -> None:
    """Make `parser` see emphasis only where it is clearly meant."""
    parser.inline.ruler.at("emphasis", _delimiters)
    parser.inline.ruler2.before("emphasis", "formulas", _leave_formulas)


def _delimiters(state: StateInline, silent: bool) -> bool:
    """A run of one marker, as tokens and as delimiters that may open or close."""
    begin = state.pos
    marker = state.src[begin]
    if silent or marker not in _LONGEST_RUN:
        return False
    end = begin
    while end < state.posMax and state.src[end] == marker:
        end += 1
    before = state.src[begin - 1 : begin] or " "
    after = state.src[end : end + 1] or " "
    length = end - begin
    fits = length <= _LONGEST_RUN[marker]
    strong = length > 1
    can_open = fits and not after.isspace() and (before.isspace() or before in _opening(marker))
    can_close = fits and not before.isspace() and (
        after.isspace()
        or after in _AFTER_CLOSING
        or (strong and after == "-")
        or (after in "*_" and after != marker)
        or (strong and marker == "*" and _joins_words(before, after))
    )  # fmt: skip
    for _each in range(length):
        token = state.push("text", "", 0)
        token.content = marker
        state.delimiters.append(
            Delimiter(
                marker=ord(marker),
                length=length,
                token=len(state.tokens) - 1,
                end=-1,
                open=can_open,
                close=can_close,
            )
        )
    state.pos = end
    return True


def _opening(marker: str) -> frozenset[str]:
    return _BEFORE_OPENING | ({"_"} if marker == "*" else {"*"})


def _joins_words(before: str, after: str) -> bool:
    """`**китоб**ҳо`: an ending follows a word in bold."""
    return bool(_CYRILLIC.match(before) and _CYRILLIC.match(after))


def _leave_formulas(state: StateInline) -> None:
    """Undo pairs that stand in a formula or around the name of a variable."""
    _undo(state.tokens, state.delimiters)
    for meta in state.tokens_meta:
        if meta and "delimiters" in meta:
            _undo(state.tokens, meta["delimiters"])


def _undo(tokens: list[Token], delimiters: list[Delimiter]) -> None:
    for opener in delimiters:
        if opener.end < 0:
            continue
        closer = delimiters[opener.end]
        inside = _text(tokens[opener.token + 1 : closer.token]).strip("*_")
        marks = chr(opener.marker) * 2
        before = _text(tokens[: opener.token]).rsplit("\n", 1)[-1].rstrip(marks[0]).rstrip()
        after = _text(tokens[closer.token + 1 :]).split("\n", 1)[0].lstrip(marks[0]).lstrip()
        in_formula = (
            _OPERAND.search(before)
            and _OPERAND_FOLLOWS.match(after)
            and _FORMULA_SIGN.search(inside)
        )
        is_name = opener.marker == ord("_") and opener.length == 2 and _IDENTIFIER.fullmatch(inside)
        if in_formula or is_name:
            opener.end = -1


def _text(tokens: list[Token]) -> str:
    return "".join("\n" if "break" in token.type else token.content for token in tokens)
