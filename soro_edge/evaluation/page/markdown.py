"""A page as Markdown that also reads well as it is, in 80 columns: bars are drawn with letters."""

import re
import textwrap
import unicodedata

from soro_edge.evaluation.page.elements import BarPlot, Example, Page, Section, Table, shortened

COLUMNS = 80
_BAR_COLUMNS = 30
_NAME_COLUMNS = 22
_HEAD_COLUMNS = 18
_SPECIAL = re.compile(r"([\\`*\[\]<>#|~]|(?<!\w)_|_(?!\w))")


def page_markdown(page: Page) -> str:
    """The whole file."""
    parts = [f"# {_literal(page.title)}", _literal(page.date)]
    for section in page.sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"## {_literal(section.heading)}"]
    parts += [_wrapped(_literal(paragraph)) for paragraph in section.paragraphs]
    for plot in section.plots:
        parts.append(_wrapped(f"**{_literal(plot.title)}**"))
        parts.append(f"```text\n{bar_text(plot)}\n```")
    parts += [table_text(table) for table in section.tables]
    for example in section.examples:
        parts += _example(example)
    return parts


def bar_text(plot: BarPlot) -> str:
    """Bars of full blocks; the interval at their end is shaded."""
    lines: list[str] = []
    for group in plot.groups:
        lines += textwrap.wrap(group.label, COLUMNS)
        for bar in group.bars:
            name = shortened(bar.name, _NAME_COLUMNS)
            sure = _cells(min(bar.low, bar.value), plot)
            end = max(_cells(bar.value, plot), sure)
            reach = max(_cells(bar.high, plot), end)
            drawn = "█" * sure + "▓" * (end - sure) + "░" * (reach - end)
            lines.append(f"  {_padded(name, _NAME_COLUMNS)} {drawn:<{_BAR_COLUMNS}} {bar.shown}")
    return "\n".join(lines)


def _cells(value: float, plot: BarPlot) -> int:
    share = value / plot.maximum if plot.maximum > 0 else 0.0
    return round(_BAR_COLUMNS * min(1.0, max(0.0, share)))


def table_text(table: Table) -> str:
    """Columns side by side where they fit, perhaps under shorter names, otherwise row by row."""
    cells = [[_literal(cell) for cell in row] for row in (table.head, *table.rows)]
    widths = _widths(cells)
    if _too_wide(widths):
        short = [table.head[0], *(shortened(name, _HEAD_COLUMNS) for name in table.head[1:])]
        widths = _widths([short, *cells[1:]])
        if _too_wide(widths):
            return _list(cells)
        cells[0] = [_literal(name) for name in short]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join(
        "| "
        + " | ".join(
            _padded(cell, width) if column == 0 else " " * (width - _width(cell)) + cell
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in lines
    )


def _widths(cells: list[list[str]]) -> list[int]:
    return [max(3, *(_width(row[column]) for row in cells)) for column in range(len(cells[0]))]


def _too_wide(widths: list[int]) -> bool:
    return sum(widths) + 3 * len(widths) + 1 > COLUMNS


def _list(cells: list[list[str]]) -> str:
    head = cells[0]
    lines = [f"{head[0]}:", ""]
    for row in cells[1:]:
        told = "; ".join(
            f"{name}: {cell}" if len(head) > 2 else cell
            for name, cell in zip(head[1:], row[1:], strict=True)
            if cell
        )
        lines.append(_wrapped(f"- {row[0]}: {told}", indent="  "))
    return "\n".join(lines)


def _example(example: Example) -> list[str]:
    note = f" ({_literal(example.note)})" if example.note else ""
    answer = "\n>\n".join(
        "\n".join(f"> {line}" for line in textwrap.wrap(_literal(paragraph), COLUMNS - 2))
        for paragraph in example.answer.splitlines()
        if paragraph.strip()
    )
    return [_wrapped(f"**{_literal(example.question)}**{note}"), answer or "> …"]


def _wrapped(text: str, indent: str = "") -> str:
    return "\n".join(
        textwrap.wrap(
            text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    )


def _literal(text: str) -> str:
    """Markdown that shows `text` as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(re.split(r"[ \t\r\n]+", text.strip())))


def _width(text: str) -> int:
    """Columns in a terminal, combining marks aside."""
    return sum(not unicodedata.combining(letter) for letter in text)


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - _width(text))
