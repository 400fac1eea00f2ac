"""The words of the model maker's command `soro eval`: English after the first line.

`soro eval MODEL` measures and `soro eval list` lists the tasks. Knows no evaluation: it is imported when a
command runs.
"""

from pathlib import Path
from typing import Any

import click

from soro_edge.commands.groups.spoken import MakerCommand
from soro_edge.commands.program import Program


class _Measuring(MakerCommand):
    """`soro eval MODEL`, which took `--json FILE` before `--output FILE` was there."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _with_output_option(self, args))


def _with_output_option(command: click.Command, args: list[str]) -> list[str]:
    """The arguments with `--json FILE` as `--output FILE`, where a file's name follows `--json`."""
    args = [f"--output{one[6:]}" if one.startswith("--json=") else one for one in args]
    if "--json" not in args[:-1]:
        return args
    place = args.index("--json")
    file = args[place + 1]
    if not file.startswith("-") and (file.endswith(".json") or file in _superfluous(command, args)):
        args[place] = "--output"
    return args


class _Evaluation(MakerCommand, click.Group):
    """`soro eval`: the command `list`, and measuring where another word stands in its place."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if args[:1] != ["list"] and not _is_list(args):
            return measure.make_context(info_name, args, parent, **extra)
        place = args.index("list")
        others = [*args[:place], *args[place + 1 :]]
        return list_command.make_context(f"{info_name} list", others, parent, **extra)


def _is_list(args: list[str]) -> bool:
    """Whether `list` stands where the model would, behind an option: `soro eval --data FOLDER list`."""
    try:
        options, _rest, _order = measure.make_parser(click.Context(measure)).parse_args(list(args))
    except click.UsageError:
        return False
    return options.get("model") == "list"


def _superfluous(command: click.Command, args: list[str]) -> list[str]:
    """What stands behind the model and belongs to no option, if `--json` is a flag."""
    try:
        options, rest, _order = command.make_parser(click.Context(command)).parse_args(list(args))
    except click.UsageError:
        return []
    return [str(options.get("model")), *rest] if rest else []


@click.command("eval", cls=_Measuring)
@click.argument("model")
@click.option("--task", "tasks", multiple=True, help="Name or TOML file; several by commas.")
@click.option("--limit", type=click.IntRange(min=1), help="So many items of each task.")
@click.option("--shots", type=click.IntRange(min=0), help="Examples before each question.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with the tasks' data.")
@click.option("--json", "as_json", is_flag=True, help="Print all results as JSON.")
@click.option("--output", type=click.Path(path_type=Path), help="Write all results there, as JSON.")
@click.option("--compare", help="Another GGUF, or results in JSON, item by item.")
@click.option(
    "--context",
    "context_tokens",
    default=4096,
    show_default=True,
    type=click.IntRange(min=64),
    help="Longest request, in tokens.",
)
@click.option("--chat", is_flag=True, help="Ask for what it writes in the model's chat form.")
@click.option("--fresh", is_flag=True, help="Measure again what was measured before.")
@click.option("--against", help="The GGUF that MODEL was made from: how much was lost.")
@click.option(
    "--text", type=click.Path(path_type=Path), help="What both read; FLORES in Tajik otherwise."
)
@click.option(
    "--chunks",
    default=20,
    show_default=True,
    type=click.IntRange(min=0),
    help="So many times 512 tokens of it; 0 reads all.",
)
@click.option(
    "--generation",
    is_flag=False,
    flag_value="",
    help="Ask a hundred school questions, or those in a file; put it after MODEL.",
)
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option("--page", type=click.Path(path_type=Path), help="Write a page: .html or .md.")
@click.pass_obj
def measure(
    program: Program,
    /,
    model: str,
    against: str | None,
    text: Path | None,
    chunks: int,
    generation: str | None,
    max_tokens: int | None,
    page: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """For model makers: measure a GGUF file on Tajik benchmarks.

    `soro eval list` names them. A measurement goes on where it was interrupted.
    """
    from soro_edge.commands.evaluate import run_eval
    from soro_edge.commands.evaluation_reports import ReportOptions, run_reports

    reports = ReportOptions(
        against=against,
        text=text,
        chunks=chunks,
        generation=generation,
        max_tokens=max_tokens,
        limit=options["limit"],
        compare=options["compare"],
        page=page,
        output=options["output"],
        as_json=as_json,
        fresh=options["fresh"],
    )
    reports.check(program)
    results: list[Any] = []
    if options["tasks"] or not reports.measures:
        results = run_eval(program, model, reference=against, quiet=as_json, **options)
    run_reports(program, model, reports, results)


@click.command("list", cls=MakerCommand)
@click.option("--data", type=click.Path(path_type=Path), help="Folder with the tasks' data.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_command(data: Path | None, as_json: bool) -> None:
    """For model makers: list the benchmarks, those whose data is here first."""
    from soro_edge.commands.evaluate import list_tasks

    list_tasks(data, as_json=as_json)


evaluate = _Evaluation(
    "eval", help=measure.english, params=measure.params, commands={"list": list_command}
)
