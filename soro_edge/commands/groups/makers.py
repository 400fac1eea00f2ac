"""The words of the model maker's commands, `soro convert` and `soro eval`: English after the first line."""

from pathlib import Path
from typing import Any

import click

from soro_edge.commands.groups.spoken import MakerCommand
from soro_edge.commands.program import Program


@click.command(cls=MakerCommand)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--type", default="q4_0", show_default=True, help="q4_0, iq4_nl, q8_0, bf16, f16, f32."
)
@click.option("--vocabulary", default="32768", show_default=True, help="Rows that stay, or full.")
@click.option("--keep-text", type=click.Path(path_type=Path), help="Its tokens stay the same.")
@click.option("--calibration", default="", help="Text to calibrate on, or none; ours otherwise.")
@click.option(
    "--calibration-tokens",
    type=click.IntRange(min=1),
    help="Use at most so many.",
)
@click.option("--steps", is_flag=True, help="Report what each step of the rounding gains.")
@click.option("--size", default="", help="Finer types up to this size: 450MB, or bytes.")
@click.option("--name", default="", help="Name of the model; the output's otherwise.")
@click.option("--license", default="gemma", show_default=True, help="Licence of the weights.")
@click.option("--force", is_flag=True, help="Replace an existing output.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--verify", type=click.Choice(["torch"]), help="Compare logits with transformers.")
def convert(checkpoint: Path, output: Path, **options: Any) -> None:
    """For model makers: make a small GGUF file of trained weights.

    The weights lie in the folder CHECKPOINT; the file is OUTPUT.
    """
    from soro_edge.commands.convert import run_convert

    run_convert(checkpoint, output, **options)


@click.command("eval", cls=MakerCommand)
@click.argument("model")
@click.option("--task", "tasks", multiple=True, help="Name or TOML file; several by commas.")
@click.option("--limit", type=click.IntRange(min=1), help="So many items of each task.")
@click.option("--shots", type=click.IntRange(min=0), help="Examples before each question.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with the tasks' data.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write all results there.")
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
def evaluate(
    program: Program,
    /,
    model: str,
    against: str | None,
    text: Path | None,
    chunks: int,
    generation: str | None,
    max_tokens: int | None,
    page: Path | None,
    **options: Any,
) -> None:
    """For model makers: measure a GGUF file on Tajik benchmarks.

    `soro eval list` names them. A measurement goes on where it was interrupted.
    """
    from soro_edge.commands.evaluate import list_tasks, run_eval
    from soro_edge.commands.evaluation_reports import ReportOptions, run_reports

    if model == "list":
        list_tasks(options["data"])
        return
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
        fresh=options["fresh"],
    )
    reports.check(program)
    results: list[Any] = []
    if options["tasks"] or not reports.measures:
        results = run_eval(program, model, reference=against, **options)
    run_reports(program, model, reports, results)
