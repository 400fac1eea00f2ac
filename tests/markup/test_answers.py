"""What a model wrote is what is seen: on a page, as plain text, as Markdown, in line mode."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.messages import Message, Role
from soro_edge.chat.session import ChatSession
from soro_edge.commands.ask import _stream
from soro_edge.history.export import to_html, to_markdown, to_text
from soro_edge.history.values import Conversation
from soro_edge.markup.formulas import LONGEST_FORMULA, draw
from soro_edge.markup.markdown import answer_parser
from soro_edge.testing.scripted import ScriptedEngine
from tests.markup.answers import SEEN, plain

CONVERSATION = Conversation(id=1, title="Савол", created=0.0, updated=0.0, messages=1)


def read_page(html: str) -> str:
    """What a reader sees of HTML."""
    broken = re.sub(r"<br />\n?|</(?:p|li|h\d|tr|pre|div)>\n?|<pre[^>]*>", "\n", html)
    return unescape(re.sub(r"<[^>]*>", "", broken.replace("</td>\n", " ").replace("</th>\n", " ")))


def test_the_table_has_sixty_answers() -> None:
    assert len(SEEN) == 60


@pytest.mark.parametrize("written", SEEN)
def test_a_page_shows_what_was_written(written: str) -> None:
    answer = Message(id=1, role=Role.ASSISTANT, text=written)
    page = to_html(CONVERSATION, [answer])
    (shown,) = re.findall(r'<div class="answer">\n(.*?)</div>', page, re.DOTALL)
    assert plain(read_page(shown)) == plain(SEEN[written])


@pytest.mark.parametrize("written", SEEN)
def test_text_markdown_and_line_mode_give_the_source(
    written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Message(id=1, role=Role.ASSISTANT, text=written)
    assert f"\n{written.strip()}\n" in to_text(CONVERSATION, [answer])
    assert f"\n{written.strip()}\n" in to_markdown(CONVERSATION, [answer])
    session = ChatSession(engine=ScriptedEngine([written]), log=MemoryLog())
    _stream(session, "Савол", silent=False, keep=False)
    assert capsys.readouterr().out == written + "\n"


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("*як* **ду** ***се***", "<em>як</em> <strong>ду</strong> <em><strong>се</strong></em>"),
        ("**китоб**ҳо", "<strong>китоб</strong>ҳо"),
        ("x = **5**, **x = 4**", "x = <strong>5</strong>, <strong>x = 4</strong>"),
        ("*Homo sapiens* ва _гул_", "<em>Homo sapiens</em> ва <em>гул</em>"),
        ("`__init__` __init__", "<code>__init__</code> __init__"),
        ("<https://soro.tj> [а](https://soro.tj)", '<a href="https://soro.tj">https://soro.tj</a> <a href="https://soro.tj">а</a>'),
        ("[а](javascript:x) [б](data:x)", "[а](javascript:x) [б](data:x)"),
    ],
)  # fmt: skip
def test_emphasis_code_and_links_are_kept_where_they_are_meant(written: str, html: str) -> None:
    assert answer_parser().render(written).strip() == f"<p>{html}</p>"


def test_a_formula_keeps_its_source() -> None:
    inline, block = answer_parser().parse("Ин \\(x^2\\)\n$$\ny^2\n$$")[1], None
    assert [(t.type, t.content, t.markup) for t in inline.children or ()][-1] == (
        "math_inline",
        "x²",
        r"\(x^2\)",
    )
    (block,) = [t for t in answer_parser().parse("$$\ny^2\n$$") if t.type == "math_block"]
    assert (block.content, block.markup) == ("y²", "$$\ny^2\n$$")


@pytest.mark.parametrize(
    "latex",
    [
        "\\",
        "{",
        "\\frac{1}",
        "x^",
        "\\begin{cases}",
        "\\begin{foo}x\\end{foo}",
        "\\underbrace{a}_{b}",
        "{" * 500 + "}" * 500,
        "x" * (LONGEST_FORMULA + 1),
        "\\sqrt[]{}",
        "",
    ],
)
def test_what_cannot_be_drawn_is_left_to_its_source(latex: str) -> None:
    assert draw(latex) is None or draw(latex) == ""
    assert draw(latex, lines=True) is None


latex = st.lists(
    st.sampled_from(
        [
            *["\\frac", "{", "}", "^", "_", "x", "2", "\\sqrt", "[", "]", "\\left", "(", ")", "&", "\\\\"],
            *["\\begin{cases}", "\\end{cases}", "$", "\\(", "\\)", "\\[", "\\]", "*", " ", "\n", "\\text"],
            *["'", "%"],
        ]
    )
).map("".join)  # fmt: skip


@given(latex)
def test_no_answer_ends_the_program(text: str) -> None:
    draw(text)
    draw(text, lines=True)
    answer_parser().render(text)
