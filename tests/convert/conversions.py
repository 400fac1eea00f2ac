"""Whole conversions of tiny checkpoints, and their unrounded models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import jinja2
import numpy as np
from numpy.typing import NDArray

from convert.calibrate.conversations import ChatTemplates
from convert.calibrate.gemma3_forward import LayerMath, attention, feed_forward
from convert.calibrate.reference_model import ExactModel
from convert.checkpoint.checkpoint import open_checkpoint
from convert.native.ggml import decoded
from convert.options import ConversionOptions
from convert.pipeline import convert
from convert.progress import Progress
from convert.quantize.bit_allocation import Type, plan_types
from convert.quantize.tensor_source import TensorRows
from convert.report.report import Report
from convert.weights import Matrix
from soro_edge.chat.jinja import chat_environment

TOKENS_IN_TEXT = 96


class Silent:
    """Nobody listens."""

    def begin(self, what: str, total: float) -> None:
        pass

    def advance(self, amount: float) -> None:
        pass


class Templates:
    """The runtime's Jinja, without the process that a stranger's template is tried in."""

    def refusal(self, source: str, *, bos: str, eos: str) -> str | None:
        return None

    def environment(self, strftime_now: Callable[[str], str]) -> jinja2.Environment:
        return chat_environment(strftime_now)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def convert_tiny(
    checkpoint: Path,
    output: Path,
    *,
    progress: Progress | None = None,
    templates: ChatTemplates | None = None,
    **choices: Any,
) -> Report:
    """The tiny tokenizer is too small to be trimmed."""
    options = ConversionOptions(
        checkpoint=checkpoint, output=output, **{"vocabulary_rows": None, **choices}
    )
    return convert(options, progress or Silent(), templates or Templates())


def exact_model(folder: Path, type: Type = Type.F32) -> ExactModel:
    """A checkpoint's model, its tensors planned in `type`."""
    checkpoint = open_checkpoint(folder)
    config = checkpoint.config
    plan = plan_types(config, rows=config.vocabulary_rows, type=type)
    tensors = {
        planned.name: TensorRows(
            planned=planned, source=checkpoint.tensors[planned.name], kept=None
        )
        for planned in plan
    }
    return ExactModel(config=config, tensors=tensors)


def log_probabilities(model: ExactModel, texts: list[list[int]]) -> list[Matrix]:
    """After each token, for texts of one length."""
    config = model.config
    hidden = model.embed(np.array(texts)) * np.float32(config.width**0.5)
    for number in range(config.layers):
        is_global = (number + 1) % config.sliding_pattern == 0
        math = LayerMath(config, is_global=is_global, tokens=len(texts[0]))
        layer = model.layer(number)
        for half in (attention(math), feed_forward(math)):
            hidden = hidden + half.added(half.seen_leaving(hidden, layer), layer)
    output = model.output_layer()
    return [output.log_probabilities(text) for text in hidden]


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every tensor of a GGUF in float32, as llama.cpp computes it."""
    return {
        tensor.name: decoded(np.atleast_2d(tensor.data).view(np.uint8), tensor.tensor_type)
        for tensor in gguf.GGUFReader(path).tensors
    }
