"""The page's part on tasks: what each model reached, and by how much they differ on the same items."""

from collections.abc import Sequence
from math import floor, log10

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.benchmarks.paired_comparison import PAIRED_BY, compare
from soro_edge.evaluation.page.elements import Bar, BarGroup, BarPlot, Section, Table, percent
from soro_edge.evaluation.results import Metric, Results, TaskResult
from soro_edge.evaluation.statistics import Paired
from soro_edge.locale import N_, _

_CHANCE = 0.05
_MEASURES = {
    "acc": N_("right answers"),
    "bits_per_byte": N_("surprise, in bits a byte"),
    "exact": N_("answers right to the letter"),
    "chrf": N_("likeness to a person's translation (chrF)"),
}


def task_sentences(results: Sequence[Results]) -> list[str]:
    """For the head of the page: one for each task of the first model."""
    found = []
    for task in results[0].tasks:
        metric = leading_metric(task)
        found.append(
            _("{model}, {task}: {measure} {value} ({low} to {high}).").format(
                model=results[0].model.file,
                task=task.title,
                measure=_measure(metric),
                value=_shown(metric, metric.value),
                low=_shown(metric, metric.low),
                high=_shown(metric, metric.high),
            )
        )
    return found


def task_section(results: Sequence[Results]) -> Section:
    """The first model, then those that it is compared with. Shares are drawn together, any other measure
    by itself."""
    tasks = results[0].tasks
    shares = [task for task in tasks if is_share(leading_metric(task))]
    plots = [
        BarPlot(
            title=_("Results in percent"),
            groups=tuple(_group(task, results) for task in shares),
            maximum=100,
            unit="%",
        )
    ]
    for task in tasks:
        if task not in shares:
            group = _group(task, results)
            plots.append(
                BarPlot(
                    title=_direction(leading_metric(task)),
                    groups=(group,),
                    maximum=round_maximum(max(bar.high for bar in group.bars)),
                    unit="",
                )
            )
    return Section(
        heading=_("Tasks"),
        paragraphs=tuple(_explanations(results)),
        plots=tuple(plot for plot in plots if plot.groups),
        tables=tuple(_table(task, results) for task in tasks),
    )


def leading_metric(task: TaskResult) -> Metric:
    """The one that two models are compared by, and that does not depend on how a model cuts text."""
    return task.metric(PAIRED_BY[task.kind][0])


def is_share(metric: Metric) -> bool:
    """Whether a metric goes from 0 to 1, more is better: accuracy, exact match."""
    return metric.higher_is_better and 0 <= metric.value <= 1 and metric.high <= 1


def difference(ours: TaskResult, theirs: TaskResult) -> Paired | None:
    """Ours less theirs; None where they were not measured alike."""
    try:
        return compare(ours, theirs)[0].paired
    except EvaluationFailed:
        return None


def round_maximum(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 and so on: ticks of an axis that people can read."""
    power = 10.0 ** floor(log10(max(value, 1e-6)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _same_task(task: TaskResult, one: Results) -> TaskResult | None:
    return next((found for found in one.tasks if found.task == task.task), None)


def _group(task: TaskResult, results: Sequence[Results]) -> BarGroup:
    bars = [
        _bar(one.model.file, leading_metric(same))
        for one in results
        if (same := _same_task(task, one)) is not None
    ]
    return BarGroup(label=task.title, bars=tuple(bars))


def _bar(name: str, metric: Metric) -> Bar:
    scale = 100 if is_share(metric) else 1
    low, high = (
        f"{100 * end:.1f}" if is_share(metric) else _number(end)
        for end in (metric.low, metric.high)
    )
    return Bar(
        name=name,
        value=scale * metric.value,
        low=scale * metric.low,
        high=scale * metric.high,
        shown=f"{_shown(metric, metric.value)} ({low}–{high})",
    )


def _shown(metric: Metric, value: float) -> str:
    return percent(value) if is_share(metric) else _number(value)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}"


def _measure(metric: Metric) -> str:
    return _(_MEASURES[metric.name]) if metric.name in _MEASURES else metric.name


def _direction(metric: Metric) -> str:
    if metric.higher_is_better:
        return _("{measure}: more is better").format(measure=_measure(metric))
    return _("{measure}: less is better").format(measure=_measure(metric))


def _table(task: TaskResult, results: Sequence[Results]) -> Table:
    """One row for each model."""
    rows = []
    for one in results:
        same = _same_task(task, one)
        if same is None:
            continue
        metric = leading_metric(same)
        told = "" if one is results[0] else _told(task, same)
        rows.append((one.model.file, f"{len(same.items):,}", _shown(metric, metric.value), told))
    metric = leading_metric(task)
    head = (task.title.partition(":")[0], _("Items"), _measure(metric))
    guessing = (
        () if metric.chance is None else ((_("guessing"), "", _shown(metric, metric.chance), ""),)
    )
    if len(rows) == 1:
        return Table(head=head, rows=tuple(row[:3] for row in (*rows, *guessing)))
    rows += guessing
    return Table(head=(*head, _("The first less this one")), rows=tuple(rows))


def _told(ours: TaskResult, theirs: TaskResult) -> str:
    found = difference(ours, theirs)
    if found is None:
        return "–"
    scale, digits = (100, 1) if is_share(leading_metric(ours)) else (1, 3)
    said = f"{scale * found.difference:+.{digits}f} (p = {found.p_value:.2g})"
    return said + (f" {_('may be chance')}" if found.p_value >= _CHANCE else "")


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
        if task.bad:
            found.append(
                _("{task}: {count} items of the data could not be used and were left out.").format(
                    task=task.title, count=len(task.bad)
                )
            )
        found += _notes(task)
    return found


def _notes(task: TaskResult) -> list[str]:
    found = []
    if task.cut and task.kind == "text":
        found.append(
            _("{task}: {count} texts longer than {tokens} tokens were read in parts.").format(
                task=task.title, count=task.cut, tokens=f"{task.context_tokens:,}"
            )
        )
    elif task.cut:
        found.append(
            _("{task}: {count} questions longer than {tokens} tokens lost their beginning.").format(
                task=task.title, count=task.cut, tokens=f"{task.context_tokens:,}"
            )
        )
    if task.left_out:
        found.append(
            _(
                "{task}: {count} items were left out, because they may have been used when the"
                " model was made."
            ).format(task=task.title, count=task.left_out)
        )
    return found
