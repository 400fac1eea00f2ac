"""A page as values: headings, sentences, tables, bars.

What it says is page_contents.py's; how it looks, page_html.py's and page_markdown.py's.
"""

from dataclasses import dataclass

NO_BREAK = "\N{NO-BREAK SPACE}"
"""Between a number and its unit, which belong on one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as they are shown; the first column names the rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One value with the interval that it lies in, in the plot's unit."""

    name: str
    value: float
    low: float
    high: float
    shown: str
    """The value as it is written beside the bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGroup:
    """Bars that are compared with one another, one for each model."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarPlot:
    """Horizontal bars from 0 to `maximum`."""

    title: str
    groups: tuple[BarGroup, ...]
    maximum: float
    unit: str

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models, in the order in which they first come."""
        found = dict.fromkeys(bar.name for group in self.groups for bar in group.bars)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question and what a model answered."""

    question: str
    answer: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    plots: tuple[BarPlot, ...] = ()
    tables: tuple[Table, ...] = ()
    examples: tuple[Example, ...] = ()


def shortened(name: str, columns: int) -> str:
    """A name of a file with its middle left out: what sets two models apart stands at the end."""
    if len(name) <= columns:
        return name
    tail = (columns - 1) * 3 // 5
    return f"{name[: columns - 1 - tail]}…{name[-tail:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All of it, in the order in which it is read."""

    title: str
    language: str
    """Of its words: `tg`, `ru`, `en`."""
    date: str
    sections: tuple[Section, ...]


def percent(share: float, digits: int = 1) -> str:
    """A share as it is written: 37.5 %."""
    return f"{100 * share:.{digits}f}{NO_BREAK}%"
