"""Horizontal bars with intervals as an SVG picture inside a page: no script, no font of its own."""

from html import escape

from soro_edge.evaluation.page.elements import Bar, BarPlot, shortened

_WIDTH, _LEFT, _RIGHT = 720, 215, 165
_BAR, _GAP, _LABEL = 18, 6, 26
_COLOURS = ("#1b5e9e", "#d08a1d", "#4c8c4a", "#8a4f9e")
_LONGEST_NAME = 22
_TICKS = 5


def bar_svg(plot: BarPlot) -> str:
    """The picture as one `<svg>` element."""
    names = plot.names
    parts: list[str] = []
    top = 8.0
    for group in plot.groups:
        parts.append(f'<text x="0" y="{top + 15:g}" class="group">{escape(group.label)}</text>')
        top += _LABEL
        for bar in group.bars:
            parts.append(_bar(bar, plot, top, _COLOURS[names.index(bar.name) % len(_COLOURS)]))
            top += _BAR + _GAP
        top += _GAP
    height = top + 24
    said = "; ".join(
        f"{group.label}: " + ", ".join(f"{bar.name} {bar.shown}".strip() for bar in group.bars)
        for group in plot.groups
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(plot.title)}</title><desc>{escape(said)}</desc>"
        f"{_axis(plot, top)}{''.join(parts)}</svg>"
    )


def _x(value: float, plot: BarPlot) -> float:
    share = value / plot.maximum if plot.maximum > 0 else 0.0
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(1.0, max(0.0, share))


def _bar(bar: Bar, plot: BarPlot, top: float, colour: str) -> str:
    end, middle = _x(bar.value, plot), top + _BAR / 2
    name = escape(shortened(bar.name, _LONGEST_NAME))
    parts = [
        f'<text x="{_LEFT - 8}" y="{middle + 5:g}" class="name">{name}</text>',
        f'<rect x="{_LEFT}" y="{top:g}" width="{end - _LEFT:.1f}" height="{_BAR}" fill="{colour}"/>',
        f'<text x="{_WIDTH - _RIGHT + 10}" y="{middle + 5:g}" class="value">{escape(bar.shown)}</text>',
    ]
    if bar.high > bar.low:
        low, high = _x(bar.low, plot), _x(bar.high, plot)
        parts.append(
            f'<path d="M{low:.1f} {middle:g}H{high:.1f}M{low:.1f} {middle - 5:g}v10M{high:.1f}'
            f' {middle - 5:g}v10" class="interval"/>'
        )
    return "".join(parts)


def _axis(plot: BarPlot, bottom: float) -> str:
    parts = []
    for tick in range(_TICKS + 1):
        value = plot.maximum * tick / _TICKS
        x = _x(value, plot)
        parts.append(f'<path d="M{x:.1f} 4V{bottom:g}" class="grid"/>')
        unit = f" {plot.unit}" if plot.unit and tick == _TICKS else ""
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 16:g}" class="tick">{value:g}{escape(unit)}</text>'
        )
    return "".join(parts)
