"""The page of an evaluation as one HTML file, from templates/sections.html.jinja."""

from soro_edge.evaluation.page.bar_svg import bar_svg
from soro_edge.evaluation.page.elements import Page
from soro_edge.evaluation.page.templating import environment
from soro_edge.html_page import html_page

_STYLE = """
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
table { width: 100%; margin: 1rem 0; font-size: 0.95rem; }
td, th { border-bottom: 1px solid #ccc; padding: 0.3rem 0.5rem; text-align: right; vertical-align: top; }
td:first-child, th:first-child { text-align: left; }
.wide { overflow-x: auto; }
figure { margin: 1rem 0; } figcaption { font-weight: bold; }
svg { width: 100%; height: auto; font-family: inherit; font-size: 14px; }
.group { font-weight: bold; } .name { text-anchor: end; } .tick { text-anchor: middle; fill: #555; }
.grid { stroke: #ddd; } .interval { stroke: #111; stroke-width: 1.5; fill: none; }
blockquote { margin: 0.25rem 0 1rem; border-left: 4px solid #888; padding-left: 0.75rem;
             white-space: pre-wrap; overflow-wrap: anywhere; }
.question { font-weight: bold; margin-bottom: 0; }
@media print { figure, tr { break-inside: avoid; } }
""".strip()


def page_html(page: Page) -> str:
    """The page as a whole HTML file."""
    sections = environment().get_template("sections.html.jinja")
    return html_page(
        language=page.language,
        title=page.title,
        date=page.date,
        style=_STYLE,
        body=sections.render(sections=page.sections, bar_svg=bar_svg),
    )
