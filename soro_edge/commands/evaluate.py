"""`soro eval`: names to files and tasks, a progress bar, and the results as a table. English only."""

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soro_edge.commands.bars import Bar
from soro_edge.commands.program import Program
from soro_edge.errors import EvaluationFailed, FolderNotWritable
from soro_edge.gguf_header import read_header
from soro_edge.model_errors import NoModelFile

if TYPE_CHECKING:
    from soro_edge.evaluation.benchmarks.paired_comparison import TaskComparison
    from soro_edge.evaluation.benchmarks.task import Task
    from soro_edge.evaluation.results import Results, TaskResult


COLUMNS = 80
"""What is printed fits into an ordinary terminal."""


def list_tasks(folder: Path | None, *, as_json: bool = False) -> None:
    """List every task that comes along, those whose data is here first: size, licence, source."""
    with packages_present():
        from soro_edge.evaluation.benchmarks.task import our_tasks
    told = [(task, *_what_is_here(task, folder)) for task in our_tasks()]
    told.sort(key=lambda one: one[1] is None)
    if as_json:
        click.echo(json.dumps([_as_json(*one) for one in told], ensure_ascii=False, indent=1))
        return
    for ready, heading in ((True, "Ready:"), (False, "Their data is not here:")):
        tasks = [one for one in told if (one[1] is not None) is ready]
        if tasks:
            click.echo(heading if ready else f"\n{heading}")
        for task, _items, there in tasks:
            click.echo(_indented(f"{task.name:<18} {task.title}"))
            facts = f"{there}; {task.kind}, version {task.version}; {task.license}"
            click.echo(_indented(f"{'':<18} {facts}"))
            click.echo(_indented(f"{'':<18} {task.source}"))


def _what_is_here(task: "Task", folder: Path | None) -> tuple[int | None, str]:
    """How many items can be asked, and that in words; None where the data cannot be used."""
    from soro_edge.evaluation.benchmarks.dataset import read_data
    from soro_edge.evaluation.errors import BadData, NoData

    try:
        data = read_data(task, folder)
    except NoData:
        return None, f"its data is not here: {task.data.file}"
    except BadData as error:
        return None, str(error)
    bad = f", {len(data.bad)} bad" if data.bad else ""
    return len(data.items), f"{len(data.items)} items{bad}"


def _as_json(task: "Task", items: int | None, there: str) -> dict[str, object]:
    return {
        "task": task.name,
        "title": task.title,
        "kind": task.kind,
        "version": task.version,
        "license": task.license,
        "source": task.source,
        "items": items,
        "data": there,
    }


def _indented(line: str) -> str:
    """A line of the list, its rest under its second column."""
    return textwrap.fill(
        line, COLUMNS, subsequent_indent=" " * 19, break_on_hyphens=False, drop_whitespace=True
    )


def run_eval(
    program: Program,
    model: str,
    *,
    tasks: tuple[str, ...],
    limit: int | None,
    shots: int | None,
    data: Path | None,
    output: Path | None,
    compare: str | None,
    context_tokens: int,
    chat: bool,
    fresh: bool,
    reference: str | None = None,
    quiet: bool = False,
) -> "list[Results]":
    """Measure and print: the model's results, then those it was compared with. Raises SoroError.

    `quiet` prints nothing.
    """
    with packages_present():
        from soro_edge.evaluation.benchmarks.evaluate import EvaluationOptions, evaluate
    wanted = _named_tasks(tasks)
    options = EvaluationOptions(
        limit=limit,
        shots=shots,
        data_folder=data,
        context_tokens=context_tokens,
        threads=program.threads,
        chat=chat,
        fresh=fresh,
    )
    path = model_file(program, model)
    # What cannot be read or written is told before hours of work, not after them.
    others = [_file_or_results(program, other) for other in (reference, compare) if other]
    if output is not None:
        refuse_missing_folder(output)
    journals = program.paths.data / "evaluation"
    with Bar() as progress:
        results = evaluate(path, wanted, options, journals=journals, progress=progress)
    if not quiet:
        show(results)
    if output is not None:
        results.write(output)
    found = [results]
    for other in others:
        if isinstance(other, Path):
            with Bar() as progress:
                other = evaluate(other, wanted, options, journals=journals, progress=progress)
            if not quiet:
                click.echo()
                show(other)
        found.append(other)
        _show_or_refuse_comparison(results, other, quiet=quiet)
    return found


def _named_tasks(tasks: tuple[str, ...]) -> "list[Task]":
    """Of options that may name several each. Raises EvaluationFailed."""
    from soro_edge.evaluation.benchmarks.task import find_task

    names = [name.strip() for words in tasks for name in words.split(",") if name.strip()]
    if not names:
        raise click.UsageError("Name a task: --task sib200. `soro eval list` names them all.")
    return [find_task(name) for name in dict.fromkeys(names)]


def model_file(program: Program, model: str) -> Path:
    """A GGUF file by its path, or a model of this computer by its name. Raises ModelError."""
    path = Path(model)
    if path.exists():
        read_header(path)  # one cut short is told here, in words
        return path
    if path.suffix == ".gguf":
        raise NoModelFile(path=model)
    return program.models.check(program.manifest(model))


def refuse_missing_folder(output: Path) -> None:
    """Raises StorageError."""
    if not output.parent.is_dir():
        raise FolderNotWritable(path=str(output.parent), reason="there is no such folder")


def _file_or_results(program: Program, other: str) -> "Path | Results":
    """What a model is compared with: a GGUF, or results in JSON. Raises SoroError."""
    from soro_edge.evaluation.results import read_results

    return read_results(Path(other)) if other.endswith(".json") else model_file(program, other)


@contextmanager
def packages_present() -> Iterator[None]:
    """What only the maker's computer has may be missing. Raises EvaluationFailed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise EvaluationFailed(
            reason=f"The evaluation needs the module {error.name}, which is not here.",
            advice="Run `uv sync --group evaluation` in a checkout, and `uv run soro eval`.",
        ) from error


def show(results: "Results") -> None:
    """One block for each task."""
    model = results.model
    size = f"{model.size_bytes / 1e6:.0f} MB  sha256 {model.sha256[:12]}"
    gap = "  " if len(model.file) + len(size) + 2 <= COLUMNS else "\n"
    click.echo(f"{model.file}{gap}{size}")
    for result in results.tasks:
        _show_task(result)


_METRIC = "  {:<24} {:>10}  {:>8}  {:<22} {:>7}"
_PAIR = "  {:<16} {:<14} {:>10}  {:<22}  {:>8}"


def _show_task(result: "TaskResult") -> None:
    shots = f", {result.shots} shots" if result.shots else ""
    shots += ", in its chat form" if result.chat else ""
    click.echo("\n" + textwrap.fill(result.title, COLUMNS))
    click.echo(f"{result.task} version {result.version}: {len(result.items)} items{shots}")
    by_chance = any(metric.chance is not None for metric in result.metrics)
    head = _METRIC.format("", "", "± error", "95 % between", "chance" if by_chance else "")
    click.echo(head.rstrip())
    for metric in result.metrics:
        line = _METRIC.format(
            metric.name,
            number(metric.value),
            "" if metric.standard_error is None else number(metric.standard_error),
            f"{number(metric.low)} and {number(metric.high)}",
            "" if metric.chance is None else number(metric.chance),
        )
        click.echo(line.rstrip())
    for note in result.notes:
        click.echo(textwrap.fill(f"  note: {note}", COLUMNS, subsequent_indent="    "))
    for bad in result.bad[:10]:
        place = f" ({bad.place})" if bad.place else ""
        line = f"  not used: item {bad.item}{place}: {bad.reason}"
        click.echo(textwrap.fill(line, COLUMNS, subsequent_indent="    "))
    if len(result.bad) > 10:
        click.echo(f"  not used: {len(result.bad) - 10} more; --output FILE lists them all")


def _show_or_refuse_comparison(ours: "Results", theirs: "Results", *, quiet: bool) -> None:
    """Print by how much `ours` is above `theirs`. Raises EvaluationFailed where they were measured
    otherwise."""
    from soro_edge.evaluation.benchmarks.paired_comparison import compare_all

    pairs = compare_all(ours.tasks, theirs.tasks)
    if quiet:
        return
    heading = f"{ours.model.file} less {theirs.model.file}, item by item"
    click.echo("\n" + textwrap.fill(heading, COLUMNS, break_on_hyphens=False))
    click.echo(_PAIR.format("", "", "difference", "95 % between", "p"))
    for pair in pairs:
        _show_pair(pair)


def _show_pair(one: "TaskComparison") -> None:
    from soro_edge.evaluation.benchmarks.paired_comparison import LESS_IS_BETTER
    from soro_edge.evaluation.page.elements import shortened

    pair = one.paired
    between = f"{number(pair.low)} and {number(pair.high)}"
    difference = f"{pair.difference:+.4f}"
    task = shortened(one.task, 16)
    click.echo(_PAIR.format(task, one.value, difference, between, f"{pair.p_value:.3g}"))
    better = "less is better; " if one.value in LESS_IS_BETTER else ""
    counts = f"{pair.higher} higher, {pair.lower} lower, {pair.same} same"
    click.echo(f"{'':<19}{better}{counts}")


def number(value: float) -> str:
    """Four digits that matter."""
    if abs(value) >= 1e5:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
