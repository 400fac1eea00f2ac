"""Is the finished file the model that it was made from? Looked at before it gets its name.

Reopens it with ggml (every tensor against its source) and with llama.cpp (special pieces, template, a round
trip of Tajik text, an answer). Knows the plan and the sources, not how they were rounded.
"""

from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np

from convert.errors import VerificationFailed
from convert.native.ggml import decoded, gguf_tensors
from convert.native.llama import LlamaModel
from convert.parallel import in_order, slices
from convert.progress import COMPARING, Progress
from convert.quantize.bit_allocation import Type
from convert.quantize.tensor_source import Bytes, TensorRows
from convert.vocabulary.tokenizer import Tokenizer

_AGAIN = "Convert again; if it happens again, report it with this line."
_MOST_ERROR = {
    Type.F32: 0.0,
    Type.F16: 1e-3,
    Type.BF16: 5e-3,
    Type.Q8_0: 0.02,
    Type.Q5_0: 0.1,
    Type.Q4_0: 0.25,
    Type.IQ4_NL: 0.25,
}
"""Relative error of a tensor above which it is not its source."""
_MOST_CALIBRATED = {Type.Q8_0: 0.15, Type.Q5_0: 0.2, Type.Q4_0: 0.4, Type.IQ4_NL: 0.4}
"""Rounding for given inputs moves weights further than rounding each by itself, but never so far."""
_TILE_WEIGHTS = 1 << 17
"""Compared at once, in a core's own cache."""

TAJIK = (
    "Ҷумҳурии Тоҷикистон: пойтахташ Душанбе, қуллаи баландтаринаш 7495 м. Ғайр аз ӣ ва ӯ: «ё не?»"
)
PROMPT = (
    "<start_of_turn>user\nПойтахти Тоҷикистон кадом шаҳр аст?<end_of_turn>\n<start_of_turn>model\n"
)
GENERATED_TOKENS = 16


def tensor_errors(
    path: Path,
    tensors: Mapping[str, TensorRows],
    progress: Progress,
    *,
    calibrated: Container[str] = (),
) -> dict[str, float]:
    """Relative error of each tensor of the file by GGUF name: root of mean square against its source.
    `calibrated` holds the GGUF names of those that were rounded for given inputs.

    Raises VerificationFailed where one is missing, has another shape or type, or is too far off.
    """
    stored = gguf_tensors(path)
    progress.begin(COMPARING, sum(map(len, tensors.values())))
    errors = {}
    for rows in tensors.values():
        name, planned = rows.planned.gguf_name, rows.planned
        tensor = stored.pop(name, None)
        if (
            tensor is None
            or tensor.type != planned.type
            or (tensor.rows, tensor.columns) != (len(rows), planned.shape[-1])
        ):
            raise VerificationFailed(f"{name} is not in {path.name} as planned.", _AGAIN)
        data: Bytes = np.memmap(path, np.uint8, "r", tensor.begin, (len(rows), rows.row_bytes))
        errors[name] = _error(rows, data, progress)
        if not errors[name] <= _most_error(rows, calibrated=name in calibrated):
            raise VerificationFailed(
                f"{name} is {errors[name]:.1%} off its source {rows.source.name}.", _AGAIN
            )
    if stored:
        raise VerificationFailed(f"{path.name} has a tensor too many: {min(stored)}.", _AGAIN)
    return errors


def _most_error(rows: TensorRows, *, calibrated: bool) -> float:
    if rows.repacking_error is not None:
        return rows.repacking_error
    return (_MOST_CALIBRATED if calibrated else _MOST_ERROR)[rows.planned.type]


def _error(rows: TensorRows, data: Bytes, progress: Progress) -> float:
    tile = max(1, _TILE_WEIGHTS // rows.planned.shape[-1])

    def sums(part: slice) -> tuple[int, float, float]:
        whole, written = rows.values(part), data[part]
        error = power = 0.0
        for here in slices(len(whole), tile):
            exact = whole[here]
            off = decoded(written[here], rows.planned.type)
            off = np.subtract(off, exact, out=off if off.flags.writeable else None)
            error += float(np.vdot(off, off))
            power += float(np.vdot(exact, exact))
        return len(whole), error, power

    error = power = 0.0
    for count, part_error, part_power in in_order(sums, rows.chunks()):
        progress.advance(count)
        error, power = error + part_error, power + part_power
    return float(np.sqrt(error / power)) if power else float(error > 0)


def answer_of(path: Path, tokenizer: Tokenizer) -> str:
    """What llama.cpp answers with this file, after its pieces and template were found right.

    Raises VerificationFailed.
    """
    # Mapped and not repacked: the system can take those pages back, however large the model. One thread,
    # because the tensors are compared at the same time, and ggml's threads wait for each other by spinning.
    with LlamaModel(path, context_tokens=256, threads=1, repack=False) as model:
        special = tokenizer.special
        wrong = [
            what
            for what, is_right in (
                ("the number of pieces", model.rows == len(tokenizer)),
                ("<bos>", model.bos == special.bos),
                ("the end of a turn", model.is_end(special.end_of_turn)),
                ("the chat template", model.chat_template == tokenizer.chat_template),
                ("a Tajik text's round trip", _comes_back(model)),
            )
            if not is_right
        ]
        if wrong:
            raise VerificationFailed(f"In {path.name}, {wrong[0]} is not as written.", _AGAIN)
        prompt = model.tokenize(PROMPT, add_bos=True, parse_special=True)
        return model.detokenize(model.generate(prompt, GENERATED_TOKENS)).decode("utf-8", "replace")


def _comes_back(model: LlamaModel) -> bool:
    return model.detokenize(model.tokenize(TAJIK)) == TAJIK.encode("utf-8")
