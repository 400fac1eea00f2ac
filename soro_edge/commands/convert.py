"""`soro convert`: hands the maker's words to the converter of the checkout, and its errors to ours.

The only place where soro_edge knows convert/, which lies in a checkout and never in a pupil's bundle.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soro_edge import locale
from soro_edge.errors import ConversionFailed, NoConverter
from soro_edge.locale import N_, _
from soro_edge.model_errors import BadTemplate

if TYPE_CHECKING:
    import jinja2

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def run_convert(
    checkpoint: Path,
    output: Path,
    *,
    type: str,
    vocabulary: str,
    keep_text: Path | None,
    calibration: str,
    calibration_tokens: int | None,
    steps: bool,
    size: str,
    name: str,
    license: str,
    force: bool,
    as_json: bool,
    verify: str | None,
) -> None:
    """Convert and print the report. Raises ConversionFailed, NoConverter."""
    rows, most_bytes = vocabulary_rows(vocabulary), size_bytes(size)
    with _failures_told():
        # Before numpy, rich and their like are loaded, which takes a slow computer seconds.
        from convert.checkpoint.folder import read_folder
        from convert.output.names import require_output_name

        read_folder(checkpoint)
        require_output_name(output)
        from convert.calibrate.calibration_data import DEFAULT_TEXT
        from convert.command import run
        from convert.options import CALIBRATION_TOKENS, ConversionOptions
        from convert.quantize.bit_allocation import TYPES
        from soro_edge.commands.bars import Bar
    if type not in TYPES:
        raise click.UsageError(f"--type is one of {', '.join(TYPES)}, not «{type}».")
    if steps and calibration == "none":
        raise click.UsageError("--steps measures what calibration does, and there is none.")
    options = ConversionOptions(
        checkpoint=checkpoint,
        output=output,
        type=TYPES[type],
        vocabulary_rows=rows,
        keep_text=keep_text,
        calibration={"": DEFAULT_TEXT, "none": None}.get(calibration, Path(calibration)),
        calibration_tokens=calibration_tokens or CALIBRATION_TOKENS,
        measure_steps=steps,
        most_bytes=most_bytes,
        name=name,
        license=license,
        force=force,
        compare_with_torch=verify == "torch",
    )
    with _failures_told(), Bar(counted=False) as progress:
        report = run(options, progress, RuntimeTemplates(), as_json=as_json)
    click.echo(report, nl=False)


class RuntimeTemplates:
    """How the runtime handles chat templates, for the converter: what it writes must be askable here."""

    def refusal(self, source: str, *, bos: str, eos: str) -> str | None:
        """Return why a model with this template could not be asked, in English; None where it can."""
        from soro_edge.chat.rendering import layout

        try:
            layout(source, 2, system=False, bos=bos, eos=eos)
        except BadTemplate as error:
            with locale.using("en"):
                return str(error.fields.get("reason", error))
        return None

    def environment(self, strftime_now: Callable[[str], str]) -> "jinja2.Environment":
        """Return the environment of every chat template."""
        from soro_edge.chat.jinja import chat_environment

        return chat_environment(strftime_now)


@contextmanager
def _failures_told() -> Iterator[None]:
    """The converter's errors as ours. Raises ConversionFailed, NoConverter."""
    try:
        from convert.errors import ConversionError
    except ModuleNotFoundError as error:
        raise NoConverter(module=error.name or "convert") from error
    try:
        yield
    except ConversionError as error:
        reason, advice = (_filled(text, error.fields) for text in error.unfilled)
        raise ConversionFailed(reason=reason, advice=advice) from error
    except ModuleNotFoundError as error:
        raise NoConverter(module=error.name or "convert") from error


def _filled(text: str, fields: Mapping[str, object]) -> str:
    """A sentence of the converter in the reader's language, where the catalogue has it."""
    return _(text).format(**fields) if fields else _(text)


TEACHERS_SENTENCES = (
    N_("There is no folder {folder}."),
    N_("Give the folder that holds config.json."),
    N_("{folder} is a file, not the folder of a checkpoint."),
    N_("It is a finished model already: `soro models add {folder}`."),
    N_("{folder} is no checkpoint: it has no config.json."),
    N_("Give the folder that save_pretrained wrote."),
    N_("{folder} holds a LoRA adapter for {base}, not a whole model."),
    N_("Merge it into its base model first: PeftModel.merge_and_unload(), then save_pretrained()."),
    N_("{folder} has no weights: no *.safetensors file."),
    N_("Copy the weights into the folder."),
    N_("The checkpoint is {name}, which is not supported."),
    N_(
        "Only Gemma 3 text models are converted: Gemma3ForCausalLM, or the text part of"
        " Gemma3ForConditionalGeneration."
    ),
    N_("{path} is no name for a model: it does not end in .gguf."),
    N_("Name it {name}.gguf: the manifest and the report beside it are named after it."),
    N_("The name {name} cannot be used: a USB stick cannot hold it."),
    N_("Take letters, digits, spaces and . - _ only."),
    N_("{path} exists already."),
    N_("Name another file, or add `--force`."),
    N_("{path} cannot be written: it is a folder."),
    N_("{path} cannot be written: there is no such folder."),
    N_("Name a file in a folder that exists."),
    N_("The disk of {path} is too small: {need} MB are needed, {free} MB are free."),
    N_("Make room, or name an output on another disk."),
    N_("{path} could not be written: {reason}."),
    N_("Make room on its disk, or name an output on another one."),
)
"""What the converter says to somebody who is no model maker, for the catalogues: it knows none itself."""


def vocabulary_rows(words: str) -> int | None:
    """`full` is None: the vocabulary stays whole. Raises UsageError."""
    if words == "full":
        return None
    if words.isascii() and words.isdigit() and int(words) > 0:
        return int(words)
    raise click.UsageError(f"--vocabulary is «full» or a number of rows, not «{words}».")


def size_bytes(words: str) -> int | None:
    """`450MB`, `1.2 GB` or plain bytes; nothing is None: no limit. Raises UsageError."""
    if not words:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([KMG]?B?)", words.strip(), re.ASCII | re.I)
    unit = _UNITS.get(found[2].upper()) if found else None
    if found is None or unit is None or float(found[1]) * unit < 1:
        raise click.UsageError(f"--size is bytes or a size such as 450MB, not «{words}».")
    return int(float(found[1]) * unit)
