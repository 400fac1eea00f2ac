"""What a conversion is asked to do, as one value."""

from dataclasses import dataclass
from pathlib import Path

from convert.quantize.bit_allocation import Type
from convert.vocabulary.trim import DEFAULT_ROWS

CALIBRATION_TOKENS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionOptions:
    """The maker's choices. With the source's fingerprint they make a conversion repeatable."""

    checkpoint: Path
    output: Path
    type: Type = Type.Q4_0
    """Of the layers' matrices."""
    vocabulary_rows: int | None = DEFAULT_ROWS
    """Rows that stay; None leaves the vocabulary alone."""
    keep_text: Path | None = None
    """A text whose tokens stay the same."""
    calibration: Path | None = None
    """Text to calibrate on; None rounds every weight by itself."""
    calibration_tokens: int = CALIBRATION_TOKENS
    """At most so many of it are used."""
    measure_steps: bool = False
    """The report tells what each step of the calibrated rounding gains."""
    most_bytes: int | None = None
    """Tensors get finer types where it helps most, up to this size of the file."""
    name: str = ""
    """Of the model; the output's name otherwise."""
    license: str = "gemma"
    force: bool = False
    """An existing output may be replaced."""
    compare_with_torch: bool = False
    """Also run the checkpoint in transformers and compare logits."""
