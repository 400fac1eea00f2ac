"""`soro eval`: names to files and tasks, a progress bar, and the results as a table. English only."""

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
    from soro_edge.evaluation.compare import TaskComparison
    from soro_edge.evaluation.results import Results, TaskResult
    from soro_edge.evaluation.task import Task


def list_tasks(folder: Path | None) -> None:
    """Every task that comes along: size, data, licence, source."""
    from soro_edge.evaluation.errors import NoData
    from soro_edge.evaluation.sources import read_data
    from soro_edge.evaluation.task import our_tasks

    for task in our_tasks():
        try:
            data = read_data(task, folder)
        except NoData:
            there = f"its data is not here: {task.data.file}"
        else:
            there = f"{len(data.items)} items" + (f", {len(data.bad)} bad" if data.bad else "")
        click.echo(f"{task.name:<18} {task.title}")
        click.echo(f"{'':<18} {there}; {task.kind}, version {task.version}; {task.license}")
        click.echo(f"{'':<18} {task.source}")


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
) -> "list[Results]":
    """Measure and print: the model's results, then those it was compared with. Raises SoroError."""
    with packages_present():
        from soro_edge.evaluation.run import EvaluationOptions, evaluate
    wanted = _named_tasks(tasks)
    options = EvaluationOptions(
        limit=limit,
        shots=shots,
        data_folder=data,
        context_tokens=context_tokens,
        threads=program.settings.threads,
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
    show(results)
    if output is not None:
        results.write(output)
    found = [results]
    for other in others:
        if isinstance(other, Path):
            with Bar() as progress:
                other = evaluate(other, wanted, options, journals=journals, progress=progress)
            click.echo()
            show(other)
        found.append(other)
        show_comparison(results, other)
    return found


def _named_tasks(tasks: tuple[str, ...]) -> "list[Task]":
    """Of options that may name several each. Raises EvaluationFailed."""
    from soro_edge.evaluation.task import find_task

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
    click.echo(f"{model.file}  {model.size_bytes / 1e6:.0f} MB  sha256 {model.sha256[:12]}")
    for result in results.tasks:
        _show_task(result)


def _show_task(result: "TaskResult") -> None:
    shots = f", {result.shots} shots" if result.shots else ""
    shots += ", in its chat form" if result.chat else ""
    click.echo(
        f"\n{result.title}\n{result.task} version {result.version}: {len(result.items)} items{shots}"
    )
    for metric in result.metrics:
        error = "" if metric.standard_error is None else f" ± {number(metric.standard_error)}"
        between = f"95 %: {number(metric.low)} to {number(metric.high)}"
        click.echo(f"  {metric.name:<26} {number(metric.value):>10}{error:<12}  {between}")
    for note in result.notes:
        click.echo(f"  note: {note}")
    for bad in result.bad[:10]:
        click.echo(f"  not used: item {bad.item}: {bad.reason}")
    if len(result.bad) > 10:
        click.echo(f"  not used: {len(result.bad) - 10} more; --json FILE lists them all")


def show_comparison(first: "Results", second: "Results") -> None:
    """Raises EvaluationFailed where they were not measured alike."""
    from soro_edge.evaluation.compare import compare_all

    click.echo(f"\n{second.model.file} against {first.model.file}, item by item")
    for one in compare_all(first.tasks, second.tasks):
        _show_pair(one)


def _show_pair(one: "TaskComparison") -> None:
    pair = one.paired
    between = f"95 %: {number(pair.low)} to {number(pair.high)}"
    click.echo(
        f"  {one.task:<16} {one.value:<14} {pair.difference:>+10.4f}  {between}  p {pair.p_value:.3g}"
        f"  ({pair.second_higher} higher, {pair.first_higher} lower, {pair.same} same)"
    )


def number(value: float) -> str:
    """Four digits that matter."""
    if abs(value) >= 1e5:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
