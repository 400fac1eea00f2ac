"""Find a model's formulas in its Markdown: `\\( \\)`, `\\[ \\]`, `$ $`, `$$ $$` and LaTeX's environments.

A formula becomes one token, `math_inline` or `math_block`: its content is what is to be shown, its markup
what the model wrote. Prices (`$5 and $6`) and code are no formulas. One that is not closed yet is shown
as it is written.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from soro_edge.markup.formulas import draw

_CLOSING = {r"\(": r"\)", r"\[": r"\]", "$$": "$$"}
_ENVIRONMENT = re.compile(r"\\begin\{([a-z]+\*?)\}")
_WORD = re.compile(r"[^\W\d_]{3,}")
_NO_WORDS = re.compile(
    r"\\[A-Za-z]+|\{[^{}]*\}|\b(?:sin|cos|tan|log|lim|max|min|exp|ctg|НОД|НОК)\b"
)
"""What may be long in a formula: a macro's name, what stands in braces, a function's name."""
_RECKONED = re.compile(r"[\\^_={}+*/<>]")
_ESCAPABLE = frozenset("*_`#|<>~$[]-+.{}&%")


def read_mathematics(parser: MarkdownIt) -> None:
    """Make `parser` find formulas, and leave a backslash that escapes nothing."""
    parser.inline.ruler.before("escape", "mathematics", _formula_in_line)
    parser.inline.ruler.at("escape", _escape)
    parser.block.ruler.before(
        "code",
        "mathematics",
        _formula_of_its_own,
        {"alt": ["paragraph", "reference", "blockquote", "list"]},
    )


def _formula_in_line(state: StateInline, silent: bool) -> bool:
    begin = state.pos
    if state.src[begin] not in "\\$":
        return False
    if state.src[begin : begin + 2] in _CLOSING:
        inside, end = _between(state.src, begin, _CLOSING[state.src[begin : begin + 2]])
    elif environment := _ENVIRONMENT.match(state.src, begin):
        inside, end = _environment(state.src, environment)
    elif state.src[begin] == "$":
        inside, end = _between_dollars(state.src, begin)
    else:
        return False
    if not inside.strip() or end > state.posMax:
        return False
    if not silent:
        token = state.push("math_inline", "", 0)
        token.markup = state.src[begin:end]
        token.content = draw(inside.strip()) or token.markup
    state.pos = end
    return True


def _between(source: str, begin: int, closing: str) -> tuple[str, int]:
    """What stands between a formula's two-letter delimiters, and where it ends; empty if it does not."""
    end = source.find(closing, begin + 2)
    return (source[begin + 2 : end], end + 2) if end >= 0 else ("", 0)


def _environment(source: str, begin: re.Match[str]) -> tuple[str, int]:
    closing = rf"\end{{{begin[1]}}}"
    end = source.find(closing, begin.end())
    if end < 0:
        return "", 0
    return source[begin.start() : end + len(closing)], end + len(closing)


def _between_dollars(source: str, begin: int) -> tuple[str, int]:
    """The same for single dollars, where they do not stand for money."""
    before, first = source[begin - 1 : begin], source[begin + 1 : begin + 2]
    if before.isalnum() or not first or first.isspace() or first == "$":
        return "", 0
    line_end = source.find("\n", begin)
    end = source.find("$", begin + 1, line_end if line_end >= 0 else len(source))
    while end >= 0 and source[end - 1] == "\\":
        end = source.find("$", end + 1)
    inside = source[begin + 1 : end]
    after = source[end + 1 : end + 2]
    if end < 0 or inside[-1:].isspace() or after.isdigit() or after == "$":
        return "", 0
    if _WORD.search(_NO_WORDS.sub(" ", inside)) or _between_prices(inside):
        return "", 0
    return inside, end + 1


def _between_prices(inside: str) -> bool:
    """`$5, and $6`: it begins with a number, and nothing in it is reckoned."""
    if not inside[0].isdigit() or _RECKONED.search(inside):
        return False
    return " " in inside or not (inside[-1].isalnum() or inside[-1] in "%)!°")


def _formula_of_its_own(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A formula that begins a line and ends one, perhaps several lines below; never across a blank one."""
    begin = state.bMarks[first] + state.tShift[first]
    opening = state.src[begin : begin + 2]
    environment = _ENVIRONMENT.match(state.src, begin)
    if opening not in (r"\[", "$$") and not environment:
        return False
    closing = rf"\end{{{environment[1]}}}" if environment else _CLOSING[opening]
    line, end = first, -1
    while line < last and not state.isEmpty(line):
        if line > first and state.sCount[line] < state.blkIndent:
            break  # the list or quotation that it stands in has ended
        end = state.src.find(
            closing, begin + 2 if line == first else state.bMarks[line], state.eMarks[line]
        )
        if end >= 0:
            break
        line += 1
    whole = end >= 0
    after = state.src[end + len(closing) : state.eMarks[line]].strip() if whole else ""
    if after.strip(".,;:"):
        return False  # text follows on the line: a formula within a paragraph
    if silent:
        return True
    last_line = line if whole else line - 1
    source = state.getLines(first, last_line + 1, state.blkIndent, False).strip()
    token = state.push("math_block", "", 0)
    token.block = True
    token.map = [first, last_line + 1]
    token.markup = source
    inside = source.removesuffix(after).rstrip()
    if not environment:
        inside = inside.removeprefix(opening).removesuffix(closing).strip()
    drawn = draw(inside, lines=True) if whole else None
    token.content = drawn + after if drawn else source
    state.line = last_line + 1
    return True


def _escape(state: StateInline, silent: bool) -> bool:
    """A backslash before a sign of Markdown; before anything else it is a backslash."""
    if state.src[state.pos] != "\\":
        return False
    following = state.src[state.pos + 1 : state.pos + 2]
    if following == "\n":
        if not silent:
            state.push("hardbreak", "br", 0)
        state.pos += 2
        return True
    escaped = following in _ESCAPABLE and following not in "[]"
    if not silent:
        state.pending += (
            following if escaped else "\\" + (following if following in "\\([])" else "")
        )
    state.pos += 2 if escaped or (following and following in "\\([])") else 1
    return True
