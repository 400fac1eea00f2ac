"""The words of the model maker's command `soro convert`: English after the first line."""

from pathlib import Path
from typing import Any

import click

from soro_edge.commands.groups.spoken import MakerCommand


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
