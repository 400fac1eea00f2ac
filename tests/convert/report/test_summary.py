"""What the report says of a checkpoint is true for the type that was asked for."""

import pytest

from convert.quantize.bit_allocation import TYPES, Type
from convert.report.summary import of_checkpoint

SAID = (
    "text part of a multimodal checkpoint; 3 vision tensors left out",
    "7 INT4 matrices lie on Q4_0's grid and are repacked exactly",
    "1 INT4 matrix keeps its codes, its scales are rounded to F16",
)


def test_int4_is_taken_over_in_q4_0() -> None:
    assert of_checkpoint(SAID, Type.Q4_0) == list(SAID)


@pytest.mark.parametrize("kind", [kind for kind in TYPES.values() if kind is not Type.Q4_0])
def test_int4_becomes_any_other_type(kind: Type) -> None:
    said = of_checkpoint(SAID, kind)
    assert said == [SAID[0], f"INT4 matrices are dequantized and become {kind.name}"]
    assert of_checkpoint(SAID[:1], kind) == [SAID[0]]
