"""Horizontal bars with intervals as an SVG picture inside a page: no script, no font of its own.

Computes where everything stands; templates/bars.svg.jinja draws it.
"""

from dataclasses import dataclass

from markupsafe import Markup

from soro_edge.evaluation.page.elements import Bar, BarPlot, shortened
from soro_edge.evaluation.page.templating import environment

_WIDTH, _LEFT, _RIGHT = 720, 215, 165
_BAR, _GAP, _LABEL = 18, 6, 26
_COLOURS = ("#1b5e9e", "#d08a1d", "#4c8c4a", "#8a4f9e")
_LONGEST_NAME = 22
_TICKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _DrawnBar:
    name: str
    shown: str
    top: float
    middle: float
    width: float
    height: int
    colour: str
    interval: str
    """The path of the line with two ends; empty where there is no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _DrawnGroup:
    label: str
    baseline: float
    bars: tuple[_DrawnBar, ...]


def bar_svg(plot: BarPlot) -> Markup:
    """The picture as one `<svg>` element."""
    groups = []
    top = 8.0
    for group in plot.groups:
        baseline, top = top + 15, top + _LABEL
        bars = []
        for bar in group.bars:
            bars.append(_drawn(bar, plot, top))
            top += _BAR + _GAP
        groups.append(_DrawnGroup(label=group.label, baseline=baseline, bars=tuple(bars)))
        top += _GAP
    picture = environment().get_template("bars.svg.jinja")
    return Markup(
        picture.render(
            width=_WIDTH,
            height=top + 24,
            bottom=top,
            left=_LEFT,
            right=_WIDTH - _RIGHT,
            title=plot.title,
            description=_description(plot),
            ticks=[_tick(plot, number) for number in range(_TICKS + 1)],
            groups=groups,
        )
    )


def _description(plot: BarPlot) -> str:
    """What the picture shows, for those who hear the page."""
    return "; ".join(
        f"{group.label}: " + ", ".join(f"{bar.name} {bar.shown}".strip() for bar in group.bars)
        for group in plot.groups
    )


def _x(value: float, plot: BarPlot) -> float:
    share = value / plot.maximum if plot.maximum > 0 else 0.0
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(1.0, max(0.0, share))


def _tick(plot: BarPlot, number: int) -> _Tick:
    value = plot.maximum * number / _TICKS
    unit = f" {plot.unit}" if plot.unit and number == _TICKS else ""
    return _Tick(x=_x(value, plot), label=f"{value:g}{unit}")


def _drawn(bar: Bar, plot: BarPlot, top: float) -> _DrawnBar:
    middle = top + _BAR / 2
    interval = ""
    if bar.high > bar.low:
        low, high = _x(bar.low, plot), _x(bar.high, plot)
        ends = f"M{low:.1f} {middle - 5:g}v10M{high:.1f} {middle - 5:g}v10"
        interval = f"M{low:.1f} {middle:g}H{high:.1f}{ends}"
    return _DrawnBar(
        name=shortened(bar.name, _LONGEST_NAME),
        shown=bar.shown,
        top=top,
        middle=middle,
        width=_x(bar.value, plot) - _LEFT,
        height=_BAR,
        colour=_COLOURS[plot.names.index(bar.name) % len(_COLOURS)],
        interval=interval,
    )
