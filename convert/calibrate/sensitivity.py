"""How sensitive the model is to Q4_0 in each group of matrices: the KL divergence on a short sequence.

One variant for each group, with that group alone quantized, goes through the layers side by side with the
reference; a variant begins at its own layer. Knows layers and a sequence, not what the numbers are used for.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from convert import gemma3
from convert.calibrate.calibration import Tokens
from convert.calibrate.divergence import OutputLayer, compare
from convert.calibrate.gemma3_forward import (
    Activations,
    Layer,
    Weights,
    attention_sublayer,
    mlp_sublayer,
)
from convert.checkpoint.config import Gemma3Config
from convert.native.ggml import decoded
from convert.parallel import in_parallel
from convert.progress import MEASURING_SENSITIVITY, Progress
from convert.quantize.bit_allocation import group_name
from convert.quantize.block_formats import Q4_0


def estimate_sensitivities(
    config: Gemma3Config,
    hidden: Activations,
    text: Tokens,
    layer_weights: Callable[[int], Weights],
    output: OutputLayer,
    progress: Progress,
) -> dict[str, float]:
    """Mean KL divergence on one text [1, tokens] that each group's rounding to Q4_0 causes.

    `hidden` [1, tokens, width] is what enters the first layer. The result is what plan.spend takes.
    """
    progress.begin(MEASURING_SENSITIVITY, config.num_hidden_layers)
    groups: list[str] = []
    for layer in range(config.num_hidden_layers):
        is_global = (layer + 1) % config.sliding_window_pattern == 0
        math = Layer(config, is_global=is_global, tokens=text.shape[1])
        weights = layer_weights(layer)
        begin = hidden[:1]
        tasks: list[tuple[Activations, Weights]] = [
            (hidden[at : at + 1], weights) for at in range(len(hidden))
        ]
        for stage in gemma3.STAGES:
            groups.append(group_name(layer, stage))
            tasks.append((begin, {**weights, **{name: _rounded(weights[name]) for name in stage}}))
        hidden = np.concatenate(in_parallel(partial(_through, math), tasks))
        progress.advance(1)
    following = text[0, 1:]
    exact = output.log_probabilities(hidden[:1, :-1])
    return {
        group: float(compare(exact, output.log_probabilities(variant[None, :-1]), following)[0])
        / len(following)
        for group, variant in zip(groups, hidden[1:], strict=True)
    }


def _through(math: Layer, task: tuple[Activations, Weights]) -> Activations:
    hidden, weights = task
    for sublayer in (attention_sublayer(math), mlp_sublayer(math)):
        hidden = hidden + sublayer.residual(sublayer.projection_input(hidden, weights), weights)
    return hidden


def _rounded(matrix: Activations) -> Activations:
    return decoded(Q4_0.encode(matrix), Q4_0.type)
