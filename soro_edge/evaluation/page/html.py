"""A page of the evaluation as one HTML file."""

from html import escape

from soro_edge.evaluation.page.bar_svg import bar_svg
from soro_edge.evaluation.page.elements import Example, Page, Section, Table
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
    """The whole file."""
    return html_page(
        language=page.language,
        title=page.title,
        date=page.date,
        style=_STYLE,
        body="\n".join(_section(section) for section in page.sections),
    )


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.heading)}</h2>"]
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
    for plot in section.plots:
        title = escape(plot.title)
        parts.append(f"<figure><figcaption>{title}</figcaption>{bar_svg(plot)}</figure>")
    parts += [_table(table) for table in section.tables]
    parts += [_example(example) for example in section.examples]
    return "\n".join(parts)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in table.rows
    )
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>"
    )


def _example(example: Example) -> str:
    note = f' <span class="note">({escape(example.note)})</span>' if example.note else ""
    return (
        f'<p class="question">{escape(example.question)}{note}</p>\n'
        f"<blockquote>{escape(example.answer)}</blockquote>"
    )
