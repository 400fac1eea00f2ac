"""An answer as widgets: Textual's Markdown on our own parser, with bullets that old console fonts have.

Imported late: the parser and what draws formulas cost more than a tenth of a second.
"""

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from textual.content import Content
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock

from soro_edge.markup.markdown import answer_parser, math_as_text


class MathBlock(MarkdownBlock):
    """A formula on lines of its own, letter under letter."""

    DEFAULT_CSS = """
    MathBlock { width: 1fr; height: auto; margin: 0 0 1 2; }
    """

    def __init__(self, markdown: Markdown, token: Token) -> None:
        super().__init__(markdown, token)
        self.set_content(Content(token.content))

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if isinstance(block, MathBlock):
            self.set_content(block._content)
            self._copy_context(block)
        else:
            await super()._update_from_block(block)


class AnswerMarkdown(Markdown):
    """What a model wrote, as it is meant to be read."""

    BULLETS = ["• ", "○ ", "- "]

    def __init__(self, text: str) -> None:
        super().__init__(text, parser_factory=_screen_parser, open_links=False)

    def unhandled_token(self, token: Token) -> MarkdownBlock | None:
        return MathBlock(self, token) if token.type == "math_block" else None


def _screen_parser() -> MarkdownIt:
    """Textual shows CommonMark's own tokens within lines, and no others."""
    parser = answer_parser()
    parser.core.ruler.push("formulas as text", _as_text)
    return parser


def _as_text(state: StateCore) -> None:
    math_as_text(state.tokens)
