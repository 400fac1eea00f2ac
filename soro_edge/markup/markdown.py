"""The one parser of answers: what a model wrote is what is seen.

CommonMark with tables, without what swallows or alters a school's answers: single line ends are kept,
stars in formulas are stars, formulas are drawn, a lone `-----` makes no heading, `[1]: …` does not
vanish, a link leads to the web or is no link, raw HTML and images are text. Knows no screen: tui shows
these tokens, history renders them as a page.
"""

from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from soro_edge.markup.emphasis import use_clear_emphasis
from soro_edge.markup.mathematics import read_mathematics

_LINKS = ("http://", "https://", "mailto:")


def answer_parser() -> MarkdownIt:
    """A parser whose tokens are CommonMark's, and `math_inline` and `math_block`; it renders HTML too."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["image", "lheading", "reference"])
    parser.validateLink = lambda url: url.lower().startswith(_LINKS)  # type: ignore[method-assign]
    parser.block.ruler.at("list", _list, {"alt": ["paragraph", "reference", "blockquote"]})
    parser.core.ruler.push("line ends", _keep_line_ends)
    use_clear_emphasis(parser)
    read_mathematics(parser)
    parser.add_render_rule("math_inline", _formula_in_line)
    parser.add_render_rule("math_block", _formula_of_its_own)
    return parser


def _formula_in_line(_self: object, tokens: Sequence[Token], index: int, *_more: object) -> str:
    return f'<span class="math">{escape(tokens[index].content)}</span>'


def _formula_of_its_own(_self: object, tokens: Sequence[Token], index: int, *_more: object) -> str:
    return f'<pre class="math">{escape(tokens[index].content)}</pre>\n'


def _list(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A list, unless its sign is a plus: in an answer that adds."""
    if state.src[state.bMarks[first] + state.tShift[first]] == "+":
        return False
    return list_block(state, first, last, silent)


def _keep_line_ends(state: StateCore) -> None:
    """Each line that the model ended ends on the screen and on paper."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type, child.tag = "hardbreak", "br"


def math_as_text(tokens: list[Token]) -> None:
    """Turn formulas within lines into plain text, for who shows CommonMark's tokens only."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "math_inline":
                child.type = "text"
