"""`soro convert`: a trained checkpoint becomes a GGUF, for model makers working in a checkout.

The one place where soro_edge and convert know each other; convert is imported when the command runs.
"""

import re
from pathlib import Path

import click

from soro_edge.errors import ConversionFailed, NoConverter

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Size(click.ParamType[int]):
    """A number of bytes: 450MB, 1.2GB, 450000000."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMG]B|)\s*", str(value), re.IGNORECASE)
        if not match:
            self.fail(f"{value!r} is no size; write 450MB or 1.2GB.", param, ctx)
        return int(float(match[1]) * _UNITS[match[2].upper()])


class Rows(click.ParamType[str]):
    """A number of vocabulary rows, or `full`."""

    name = "rows"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        if str(value) == "full" or (str(value).isdecimal() and int(value) > 0):
            return str(value)
        self.fail(f"{value!r} is neither `full` nor a number of pieces.", param, ctx)


@click.command("convert")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--type",
    "kind",
    type=click.Choice(["q4_0", "q8_0", "bf16", "f16", "f32"]),
    default="q4_0",
    show_default=True,
    help="Of the layers' weights.",
)
@click.option(
    "--vocabulary",
    type=Rows(),
    default="32768",
    show_default=True,
    help="Pieces that stay, or `full`.",
)
@click.option("--keep-text", type=_FILE, help="A text whose tokens shall stay the same.")
@click.option(
    "--calibration",
    metavar="FILE|none",
    help="Text that the rounding is fitted to, one paragraph a line; a Tajik one comes along.",
)
@click.option(
    "--calibration-tokens", type=click.IntRange(min=512), help="At most so many tokens of it."
)
@click.option(
    "--size", type=Size(), help="Largest file, as 450MB: finer types where they help most."
)
@click.option("--name", default="", help="Of the model; the output's name otherwise.")
@click.option("--license", default="gemma", show_default=True, help="Of the weights.")
@click.option("--force", is_flag=True, help="Replace an existing output.")
@click.option("--verify", type=click.Choice(["torch"]), help="Compare with transformers too.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def convert_command(
    checkpoint: Path,
    output: Path,
    kind: str,
    vocabulary: str,
    keep_text: Path | None,
    calibration: str | None,
    calibration_tokens: int | None,
    size: int | None,
    name: str,
    license: str,
    force: bool,
    verify: str | None,
    as_json: bool,
) -> None:
    """Convert the Gemma 3 CHECKPOINT (a folder in Hugging Face's form) to the file OUTPUT.gguf.

    The file is verified before it appears; a manifest and a report are written beside it.
    """
    try:
        from convert.command import run
        from convert.errors import ConversionError
        from convert.options import ConversionOptions
        from convert.plan import TYPES
        from convert.texts import DEFAULT_TEXT
    except ImportError as error:
        raise NoConverter(package=str(error.name)) from error
    chosen = Path(calibration) if calibration else DEFAULT_TEXT
    default = ConversionOptions(checkpoint=checkpoint, output=output).calibration_tokens
    options = ConversionOptions(
        checkpoint=checkpoint,
        output=output,
        type=TYPES[kind],
        vocabulary_rows=None if vocabulary == "full" else int(vocabulary),
        keep_text=keep_text,
        calibration=None if calibration == "none" else chosen,
        calibration_tokens=calibration_tokens or default,
        most_bytes=size,
        name=name,
        license=license,
        force=force,
        compare_with_torch=verify == "torch",
    )
    try:
        run(options, as_json=as_json, write=lambda text: click.echo(text, nl=False))
    except ConversionError as error:
        raise ConversionFailed(what=str(error), todo=error.hint) from error
