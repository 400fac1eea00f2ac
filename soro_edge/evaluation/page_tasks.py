"""The page's part on tasks: what each model reached, and by how much they differ on the same items."""

from collections.abc import Sequence
from math import floor, log10

from soro_edge.evaluation.page import Bar, BarGroup, BarPlot, Section, Table
from soro_edge.evaluation.results import Metric, Results, TaskResult
from soro_edge.evaluation.statistics import Paired, paired
from soro_edge.locale import _

_LIKELY_CHANCE = 0.05


def task_sentences(results: Sequence[Results]) -> list[str]:
    """For the head of the page: one for each task of the first model."""
    return [
        _("{model}, {task}: {measure} {value} ({low} to {high}).").format(
            model=results[0].model.file,
            measure=task.metrics[0].name,
            value=_shown(task.metrics[0], task.metrics[0].value),
            task=task.title,
            low=_shown(task.metrics[0], task.metrics[0].low),
            high=_shown(task.metrics[0], task.metrics[0].high),
        )
        for task in results[0].tasks
        if task.metrics
    ]


def task_section(results: Sequence[Results]) -> Section:
    """The first model, then those that it is compared with. Shares are drawn together, any other measure
    by itself."""
    groups = {task.task: _group(task, results) for task in results[0].tasks if task.metrics}
    shares = tuple(
        groups[task.task] for task in results[0].tasks if task.metrics and is_share(task.metrics[0])
    )
    plots = [
        BarPlot(title=_("Results in percent"), groups=shares, maximum=100, unit="%"),
    ]
    for task in results[0].tasks:
        if task.metrics and not is_share(task.metrics[0]):
            group = groups[task.task]
            plots.append(
                BarPlot(
                    title=_direction(task.metrics[0]),
                    groups=(group,),
                    maximum=round_maximum(max(bar.high for bar in group.bars)),
                    unit="",
                )
            )
    return Section(
        heading=_("Tasks"),
        paragraphs=tuple(_explanations(results)),
        plots=tuple(plot for plot in plots if plot.groups),
        tables=(_table(results),),
    )


def is_share(metric: Metric) -> bool:
    """Whether a metric goes from 0 to 1, more is better: accuracy, F1, exact match."""
    return metric.higher_is_better and 0 <= metric.value <= 1 and metric.high <= 1


def difference(first: TaskResult, second: TaskResult) -> Paired | None:
    """Of the first metric, on the items that both have; None where items have no value of it."""
    name = first.metrics[0].name
    ours, theirs = (
        {item.item: item.values[name] for item in task.items if name in item.values}
        for task in (first, second)
    )
    both = [item for item in ours if item in theirs]
    if not both or first.version != second.version or first.data_sha256 != second.data_sha256:
        return None
    return paired([theirs[item] for item in both], [ours[item] for item in both])


def _group(task: TaskResult, results: Sequence[Results]) -> BarGroup:
    bars = []
    for one in results:
        for same in one.tasks:
            if same.task == task.task and same.metrics:
                bars.append(_bar(one.model.file, same.metrics[0]))
    return BarGroup(label=task.title, bars=tuple(bars))


def _bar(name: str, metric: Metric) -> Bar:
    scale = 100 if is_share(metric) else 1
    return Bar(
        name=name,
        value=scale * metric.value,
        low=scale * metric.low,
        high=scale * metric.high,
        shown=f"{_shown(metric, metric.value)}"
        f" ({_number(scale * metric.low)}–{_number(scale * metric.high)})",
    )


def _shown(metric: Metric, value: float) -> str:
    return f"{100 * value:.1f} %" if is_share(metric) else _number(value)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}"


def round_maximum(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 and so on: ticks of an axis that people can read."""
    power = 10.0 ** floor(log10(max(value, 1e-6)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _direction(metric: Metric) -> str:
    if metric.higher_is_better:
        return _("{measure}: more is better").format(measure=metric.name)
    return _("{measure}: less is better").format(measure=metric.name)


def _table(results: Sequence[Results]) -> Table:
    rows = []
    for task in results[0].tasks:
        if not task.metrics:
            continue
        cells = [task.title, task.metrics[0].name, f"{len(task.items):,}"]
        for one in results:
            same = next((found for found in one.tasks if found.task == task.task), None)
            metric = same.metrics[0] if same and same.metrics else None
            cells.append(_shown(metric, metric.value) if metric else "–")
            if one is not results[0]:
                cells.append(_told(task, same))
        rows.append(tuple(cells))
    head = [_("Task"), _("Measure"), _("Items")]
    for one in results:
        head.append(one.model.file)
        if one is not results[0]:
            head.append(_("Difference"))
    return Table(head=tuple(head), rows=tuple(rows))


def _told(ours: TaskResult, theirs: TaskResult | None) -> str:
    found = difference(ours, theirs) if theirs and theirs.metrics else None
    if found is None:
        return "–"
    scale, digits = (100, 1) if is_share(ours.metrics[0]) else (1, 3)
    said = f"{scale * found.difference:+.{digits}f} (p = {found.p_value:.2g})"
    if found.p_value >= _LIKELY_CHANCE:
        said += " " + _("may be chance")
    return said


def _explanations(results: Sequence[Results]) -> list[str]:
    found = [
        _(
            "The models answered questions whose right answers are known, or read texts that they had to"
            " foresee. All models got the same items."
        )
    ]
    if len(results) > 1:
        found.append(
            _(
                "Beside a difference stands p: how often chance alone would make one as large. Below 0.05 it"
                " is hardly chance."
            )
        )
    for task in results[0].tasks:
        for note in task.notes:
            found.append(f"{task.title}: {note}")
        if task.bad:
            found.append(
                _("{task}: {count} items of the data could not be used and were left out.").format(
                    task=task.title, count=len(task.bad)
                )
            )
    return found
