"""Draw a LaTeX formula with Unicode letters: `\\frac{a+b}{2}` is (a+b)/2, `x^2` is x².

pylatexenc reads the formula and knows what its symbols are; here is how they stand on a line: fractions,
roots, powers, and the few environments that schools use. What cannot be drawn without changing its
meaning is not drawn. Knows no Markdown and no screen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pylatexenc.latex2text import get_default_latex_context_db
from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexCommentNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexNode,
    LatexSpecialsNode,
    LatexWalker,
    LatexWalkerError,
)

LONGEST_FORMULA = 2000
"""Letters; a longer one is shown as it is written."""

_RAISED = str.maketrans("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_RAISABLE = frozenset("0123456789+-=()ni")
_LOWERABLE = frozenset("0123456789+-=(),")
_HALVES = {("1", "2"): "½", ("1", "4"): "¼", ("3", "4"): "¾"}
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}

_SYMBOLS = {
    "degree": "°", "triangle": "△", "implies": "⇒", "iff": "⇔", "sim": "~", "thickspace": " ", "colon": ":",
    "lbrace": "{", "rbrace": "}", "lvert": "|", "rvert": "|", "prime": "′", "land": "∧", "lor": "∨",
    "{": "{", "}": "}", "%": "%", "$": "$", "&": "&", "#": "#", "_": "_", "|": "‖", " ": " ",
}  # fmt: skip
"""What pylatexenc does not know, or draws with letters that few fonts have."""
_SPECIALS = {"&": " ", "~": " ", "''": "′′"}
_FUNCTIONS = frozenset(["tg", "ctg", "cotg", "arctg", "arcctg", "sh", "ch", "th", "lcm", "НОД"])
_INVISIBLE = frozenset(
    [
        "left",
        "right",
        "big",
        "Big",
        "bigg",
        "Bigg",
        "bigl",
        "bigr",
        "Bigl",
        "Bigr",
        "displaystyle",
        "textstyle",
        "limits",
        "nolimits",
    ]
)
_TEXT = frozenset(
    [
        "text",
        "textbf",
        "textit",
        "textrm",
        "mathrm",
        "mathbf",
        "mathit",
        "mathsf",
        "operatorname",
        "mbox",
        "boxed",
    ]
)
_SETS = dict(zip("RNZQC", "ℝℕℤℚℂ", strict=True))
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_APPLICATION = "\u2061"
"""Stands after a function's name until it is known what follows."""
_APPLIED = re.compile(_APPLICATION + r"(?=[\w√∛∜|½¼¾-])")
_PERCENT = re.compile(r"(?<!\\)%")
"""LaTeX would begin a comment; who writes an answer means per cent."""
_SPACES = re.compile(" +")
_OPERATORS = frozenset("·×÷±∓≤≥≠≈≡⇒⇔→←↔∈∉∪∩⊂⊃⊆∥⊥~∝⇌")
_FENCES = {
    "cases": ("{ ", ""),
    "pmatrix": ("( ", " )"),
    "bmatrix": ("[ ", " ]"),
    "vmatrix": ("| ", " |"),
    **dict.fromkeys(("matrix", "array", "aligned", "align", "align*", "split"), ("", "")),
    **dict.fromkeys(("gathered", "gather", "gather*", "equation", "equation*"), ("", "")),
}  # fmt: skip


class _NotDrawableError(Exception):
    """This formula cannot be shown as letters without changing what it says."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """An environment: what stands on each of its lines, and between what."""

    rows: tuple[str, ...]
    left: str = ""
    right: str = ""

    @property
    def fenced(self) -> tuple[str, ...]:
        width = max(map(len, self.rows)) if self.right else 0
        return tuple(self.left + row.ljust(width) + self.right for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Fraction:
    """Whether it needs parentheses depends on what stands beside it."""

    above: str
    below: str


_Part = str | _Fraction | _Grid


@lru_cache(maxsize=512)
def draw(latex: str, *, lines: bool = False) -> str | None:
    """The formula as letters; None where it cannot be drawn. With `lines`, systems and matrices may take
    several lines, else their rows follow each other after semicolons."""
    if len(latex) > LONGEST_FORMULA:
        return None
    try:
        source = _PERCENT.sub(r"\\%", latex)
        nodes, _begin, _length = LatexWalker(source, tolerant_parsing=False).get_latex_nodes()
        parts = _parts(nodes)
        drawn = _lines(parts) if lines else _line(parts).strip()
    except (LatexWalkerError, _NotDrawableError, RecursionError):
        return None
    return drawn if drawn.strip() else None


def _lines(parts: list[_Part]) -> str:
    """The parts side by side; where a grid is among them, the others stand beside its middle."""
    columns: list[tuple[str, ...]] = []
    plain: list[_Part] = []
    for part in [*parts, None]:
        if part is not None and not isinstance(part, _Grid):
            plain.append(part)
            continue
        text = _line(plain)
        if isinstance(part, _Grid) and text.endswith("{"):  # \left\{ \begin{array}: a system
            text, part = text[:-1], _Grid(part.rows, "{ ")
        if text:
            columns.append(
                (text.strip() + " " if isinstance(part, _Grid) and text.strip() else text,)
            )
        if isinstance(part, _Grid):
            columns.append(part.fenced)
        plain = []
    height = max((len(column) for column in columns), default=0)
    shown = [""] * height
    for column in columns:
        width = max(map(len, column))
        begin = (height - len(column)) // 2
        for row in range(height):
            inside = begin <= row < begin + len(column)
            shown[row] += (column[row - begin] if inside else "").ljust(width)
    return "\n".join(row.rstrip() for row in shown)


def _line(parts: Sequence[_Part]) -> str:
    """The parts on one line."""
    shown = ""
    for index, part in enumerate(parts):
        if isinstance(part, _Grid):
            rows = "; ".join(" ".join(row.split()) for row in part.rows)
            shown += part.left + rows + part.right
        elif isinstance(part, _Fraction):
            shown += _fraction(part, shown, _beginning(parts[index + 1 :]))
        else:
            shown += part
    return _SPACES.sub(" ", _APPLIED.sub(" ", shown).replace(_APPLICATION, ""))


def _fraction(part: _Fraction, before: str, after: str) -> str:
    above, below = part.above, part.below
    glyph = _HALVES.get((above, below))
    if glyph and not after[:1].isdigit():
        return glyph
    left = above if _is_product(above) else f"({above})"
    right = below if _is_atom(below) else f"({below})"
    fraction = f"{left}/{right}"
    if above.isdigit() and below.isdigit() and before[-1:].isdigit():
        fraction = f" {fraction}"  # a mixed number
        before = ""
    beside = before.rstrip()[-1:], after.lstrip()[:1]
    multiplied = beside[0].isalnum() or beside[0] in tuple(")]½¼¾°")
    followed = beside[1].isalnum() or beside[1] in tuple("([√∛∜∑∫^½¼¾")
    return f"({fraction})" if multiplied or followed else fraction


def _beginning(parts: Sequence[_Part]) -> str:
    for part in parts:
        if isinstance(part, str):
            if part.strip():
                return part.lstrip()
        else:
            return "("
    return ""


def _is_atom(text: str) -> bool:
    """Whether it binds more tightly than a fraction's line: a number, a letter with its powers."""
    if _in_parentheses(text):
        return True
    letters = text.rstrip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ₀₁₂₃₄₅₆₇₈₉′°!")
    number = letters.replace(".", "").replace(",", "").isdigit()
    return number or len(letters) == 1 or (letters[:1] in "√∛" and _is_atom(letters[1:]))


def _is_product(text: str) -> bool:
    depth = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and sign in " +-±=/,":
            return False
    return True


def _in_parentheses(text: str) -> bool:
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return place == len(text) - 1
    return False


class _Tokens:
    """A formula's nodes, single letters of plain text apart, taken one after the other."""

    def __init__(self, nodes: Sequence[LatexNode | None]) -> None:
        self._tokens: list[LatexNode | str] = []
        for node in nodes:
            if isinstance(node, LatexCharsNode):
                self._tokens += " ".join(node.chars.split("\n"))
            elif node is not None and not isinstance(node, LatexCommentNode):
                self._tokens.append(node)
        self._next = 0

    def __bool__(self) -> bool:
        return self._next < len(self._tokens)

    def take(self) -> LatexNode | str:
        self._next += 1
        return self._tokens[self._next - 1]

    @property
    def left_space(self) -> bool:
        """Whether the macro taken last ended with a space."""
        return bool(getattr(self._tokens[self._next - 1], "macro_post_space", ""))

    def skip(self, sign: str) -> None:
        """Leave out this sign if it comes next."""
        if self and _is(self._tokens[self._next], sign):
            self._next += 1

    def argument(self) -> str:
        """The next letter, group or macro, drawn."""
        while self and _is(self._tokens[self._next], " "):
            self._next += 1
        if not self:
            raise _NotDrawableError
        token = self.take()
        if isinstance(token, str):
            return token
        if isinstance(token, LatexGroupNode):
            return _line(_parts(token.nodelist)).strip()
        return _line(_node(token, self)).strip()


def _is(token: LatexNode | str, sign: str) -> bool:
    return isinstance(token, str) and token == sign  # a node cannot be compared with a text


def _parts(nodes: Sequence[LatexNode | None]) -> list[_Part]:
    tokens = _Tokens(nodes)
    parts: list[_Part] = []
    while tokens:
        token = tokens.take()
        if isinstance(token, LatexGroupNode):
            parts += _parts(token.nodelist)
        elif not isinstance(token, str):
            parts += _node(token, tokens)
        elif token in ("^", "_"):
            script = tokens.argument()
            script = _raised(script) if token == "^" else _lowered(script)
            name = parts[-1] if parts else ""
            if isinstance(name, str) and name.endswith(_APPLICATION):  # log₂ x
                parts[-1:] = [name.removesuffix(_APPLICATION), script + _APPLICATION]
            else:
                parts.append(script)
            if tokens.left_space:
                parts.append(" ")
        else:
            parts.append("′" if token == "'" else token)
    return parts


def _raised(text: str) -> str:
    if text in ("∘", "°"):
        return "°"
    if text and set(text) <= {"′"}:
        return text
    if text and _RAISABLE.issuperset(text):
        return text.translate(_RAISED)
    return f"^{text}" if len(text) == 1 else f"^({text})"


def _lowered(text: str) -> str:
    if text and _LOWERABLE.issuperset(text):
        return text.translate(_LOWERED)
    return f"_{text}" if text.isalnum() else f"_({text})"


def _node(node: LatexNode | str, tokens: _Tokens) -> list[_Part]:
    match node:
        case LatexSpecialsNode():
            return [_SPECIALS.get(node.specials_chars, node.specials_chars)]
        case LatexMacroNode():
            return _macro(node, tokens)
        case LatexEnvironmentNode():
            return [_grid(node)]
        case _:
            raise _NotDrawableError


def _macro(node: LatexMacroNode, tokens: _Tokens) -> list[_Part]:
    name = node.macroname
    given = list(node.nodeargd.argnlist) if node.nodeargd else []

    def argument(place: int) -> str:
        if place < len(given) and given[place] is not None:
            return _line(_parts([given[place]])).strip()
        return tokens.argument()

    if name in _FRACTIONS:
        return [_Fraction(argument(0), argument(1))]
    if name == "sqrt":
        return [_root(argument(0) if given and given[0] else "", argument(1))]
    if name in _TEXT:
        return [argument(0)]
    if name == "mathbb":
        letter = argument(0)
        return [_SETS.get(letter, letter)]
    if name in ("vec", "overrightarrow"):
        return [argument(0) + "\u20d7"]
    if name in ("overline", "bar"):
        return ["".join(letter + "\u0305" for letter in argument(0))]
    if name in _INVISIBLE:
        tokens.skip(".")
        return []
    if name == "\\":
        return ["; "]
    return [_symbol(name) + (" " if node.macro_post_space else "")]


def _symbol(name: str) -> str:
    if name in _FUNCTIONS:
        return f" {name}{_APPLICATION}"
    symbol = _SYMBOLS.get(name)
    if symbol is None:
        spec: Any = _symbols().get_macro_spec(name)
        symbol = getattr(spec, "simplify_repl", None)
    if not isinstance(symbol, str) or "%s" in symbol:
        raise _NotDrawableError
    if symbol in _OPERATORS:
        return f" {symbol} "
    if len(symbol) > 1 and symbol.isascii() and symbol.isalpha():
        return f" {symbol}{_APPLICATION}"
    return symbol


@lru_cache(maxsize=1)
def _symbols() -> Any:
    return get_default_latex_context_db()


def _root(index: str, inside: str) -> str:
    sign = _ROOTS.get(index)
    if sign is None:
        if not index or not _RAISABLE.issuperset(index):
            raise _NotDrawableError
        sign = index.translate(_RAISED) + "√"
    return sign + (inside if _is_atom(inside) else f"({inside})")


def _grid(node: LatexEnvironmentNode) -> _Grid:
    fences = _FENCES.get(node.environmentname)
    if fences is None:
        raise _NotDrawableError
    rows: list[list[list[LatexNode | None]]] = [[[]]]
    for inner in node.nodelist:
        if isinstance(inner, LatexMacroNode) and inner.macroname == "\\":
            rows.append([[]])
        elif isinstance(inner, LatexSpecialsNode) and inner.specials_chars == "&":
            rows[-1].append([])
        elif not (isinstance(inner, LatexMacroNode) and inner.macroname == "hline"):
            rows[-1][-1].append(inner)
    drawn = [[_line(_parts(cell)).strip() for cell in row] for row in rows]
    drawn = [row for row in drawn if any(row)]
    if not drawn:
        raise _NotDrawableError
    widths = [0] * max(map(len, drawn))
    for row in drawn:
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], len(cell))
    left, right = fences
    apart = "  " if right else " "
    return _Grid(
        tuple(
            apart.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
            for row in drawn
        ),
        left,
        right,
    )
