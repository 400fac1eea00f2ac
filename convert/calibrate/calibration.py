"""Quantize a model layer by layer, each matrix for the inputs that it will really have.

The calibration data goes through the model twice, side by side: through the reference layers, and through the
layers that are already quantized. A matrix is quantized for the inputs of the second stream with the outputs
of the first as its target, so that later layers correct the errors of earlier ones. The validation sequences
go through both streams too and are never calibrated on: the divergence between the two is measured on them.
Knows layers and sequences, no file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from convert.calibrate.ablation import STEPS, weights_of_steps
from convert.calibrate.divergence import (
    ALL_Q4_0,
    PLAIN,
    WRITTEN,
    DivergenceReport,
    OutputLayer,
    measure,
)
from convert.calibrate.gemma3_forward import (
    Activations,
    Layer,
    SubLayer,
    Weights,
    attention_sublayer,
    mlp_sublayer,
)
from convert.checkpoint.config import Gemma3Config
from convert.native.ggml import decoded
from convert.parallel import CORES, in_parallel, side_by_side, slices, stop_if_asked
from convert.quantize.block_formats import Q4_0, BlockFormat
from convert.quantize.cholesky import solved
from convert.quantize.gptq import (
    Hessian,
    HessianFactor,
    QuantizedMatrix,
    coordinate_descent,
    gptq_round,
    loss,
    with_damping,
)
from convert.weights import Matrix

Tokens = NDArray[np.int64]
"""[sequences, tokens]; each sequence begins with <bos>."""

_GROUP = 4
"""Sequences computed at once."""
_PARTS = min(CORES, 4)
"""Threads that accumulate a matrix's input statistics, each in two matrices of its own."""
_LOSS_ROWS = 8
"""Every eighth row is enough to estimate the loss."""
_DAMPING = 0.01
_TARGET_DAMPING = 0.1
"""The target is corrected only in directions that the calibration data determines well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedMatrix:
    """A quantized matrix, and what quantizing it cost."""

    rounded: QuantizedMatrix
    loss: float
    """Of the output's power, on the calibration texts; from every eighth row."""
    steps: Mapping[str, Matrix] = field(default_factory=dict)
    """The weights without the later steps of the rounding, where that is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """The inputs of the matrices of one stage. Means are over the calibration tokens."""

    hessian: Hessian
    """Mean of x x^T, x an input in the rounded stream."""
    output_error: Matrix
    """Mean of (W e - W x) x^T, e the same input in the exact stream, W the stage's matrices below each
    other: what their outputs have lost before they are rounded themselves."""
    seen: list[Activations]
    """The inputs of a sublayer's last matrix in the quantized stream, group after group; else empty."""


class Calibration:
    """The reference stream and the quantized one, on their way through the layers."""

    def __init__(
        self,
        config: Gemma3Config,
        embed: Callable[[Tokens], Activations],
        texts: Tokens,
        validation: Tokens,
        *,
        mixed: bool = False,
        steps: bool = False,
    ) -> None:
        """`embed` gives the embedding's rows of token ids; `held` texts are as long as `texts`. With `mixed`
        grids it is measured too how all matrices in Q4_0 would do, with `steps` what each step gains."""
        self._config = config
        self._sequence_count = len(texts)
        self._tokens = np.concatenate([texts, validation])
        self._exact = embed(self._tokens) * np.float32(config.hidden_size**0.5)
        self._rounded = self._exact.copy()
        names = (PLAIN, *((ALL_Q4_0,) if mixed else ()), *(STEPS if steps else ()))
        self._beside = {name: self._exact[self._sequence_count :].copy() for name in names}
        self._layers_done = 0

    def round_layer(
        self, layer: Weights, block_formats: Mapping[str, BlockFormat]
    ) -> dict[str, CalibratedMatrix]:
        """Quantize those matrices of the next layer that `block_formats` names, and go through the layer."""
        is_global = (self._layers_done + 1) % self._config.sliding_window_pattern == 0
        math = Layer(self._config, is_global=is_global, tokens=self._tokens.shape[1])
        found: dict[str, CalibratedMatrix] = {}
        rounded = dict(layer)
        others: dict[str, dict[str, Matrix]] = {name: dict(layer) for name in self._beside}
        others[PLAIN] |= _rounded_alone(layer, block_formats)
        if ALL_Q4_0 in others:
            others[ALL_Q4_0] |= _rounded_alone(layer, dict.fromkeys(block_formats, Q4_0))
        steps = STEPS[0] in others
        for sublayer in (attention_sublayer(math), mlp_sublayer(math)):
            for names, seen, leave in (
                (sublayer.input_projections, sublayer.normed_input, False),
                ((sublayer.output_projection,), sublayer.projection_input, True),
            ):
                inputs = self._inputs(
                    names, seen, layer, rounded, sublayer.residual if leave else None
                )
                for name, matrix in _round_stage(names, layer, inputs, block_formats, steps=steps):
                    found[name] = replace(matrix, steps={})
                    rounded[name] = matrix.rounded.weights()
                    for step, weights in matrix.steps.items():
                        others[step][name] = weights
            # The last stage's inputs are already known: no need to compute them once more.
            _add(self._rounded, sublayer, rounded, inputs.seen)
            del inputs
            for name, stream in self._beside.items():
                _advance(stream, sublayer, others[name])
        self._layers_done += 1
        return found

    def divergence(self, output: OutputLayer) -> DivergenceReport:
        """Of the rounded streams to the exact one after the last layer, on the texts held out."""
        validation = self._tokens[self._sequence_count :]
        return measure(
            output,
            validation,
            exact=self._exact[self._sequence_count :],
            others={WRITTEN: self._rounded[self._sequence_count :], **self._beside},
        )

    def _inputs(
        self,
        names: tuple[str, ...],
        seen: Callable[[Activations, Weights], Activations],
        exact_layer: Weights,
        rounded_layer: Weights,
        residual: Callable[[Activations, Weights], Activations] | None,
    ) -> _Inputs:
        """Means over the calibration texts. With `added`, the exact stream goes on by what it gives."""
        weights = np.concatenate([exact_layer[name] for name in names])
        rows, width = weights.shape

        def look(texts: slice) -> _Inputs:
            sums = _Inputs(
                hessian=np.zeros((width, width), dtype=np.float32),
                output_error=np.zeros((min(rows, width), width), dtype=np.float32),
                seen=[],
            )
            for group in slices(texts.stop - texts.start, _GROUP):
                stop_if_asked()
                here = slice(texts.start + group.start, texts.start + group.stop)
                exact = seen(self._exact[here], exact_layer)
                if residual:
                    self._exact[here] += residual(exact, exact_layer)
                known = max(0, min(here.stop, self._sequence_count) - here.start)
                if known or residual:
                    rounded = seen(self._rounded[here], rounded_layer)
                    if residual:
                        sums.seen.append(rounded)
                    inputs = rounded[:known].reshape(-1, width)
                    np.add(sums.hessian, inputs.T @ inputs, out=sums.hessian)
                    difference = exact[:known].reshape(-1, width) - inputs
                    if rows < width:
                        difference = difference @ weights.T
                    np.add(sums.output_error, difference.T @ inputs, out=sums.output_error)
            return sums

        # Whole parts and not groups: sums in a fixed order make the same bytes each time.
        parts = in_parallel(look, slices(len(self._tokens), -(-len(self._tokens) // _PARTS)))
        means = _means(parts, self._sequence_count * self._tokens.shape[1])
        # The product with W is taken where it is smaller: of each input, or of their sum.
        return means if rows < width else replace(means, output_error=weights @ means.output_error)


def _means(parts: Sequence[_Inputs], tokens: int) -> _Inputs:
    """Of sums over some texts each, in place of the first part's."""
    hessian, output_error = parts[0].hessian, parts[0].output_error
    for part in parts[1:]:
        hessian += part.hessian
        output_error += part.output_error
    hessian /= np.float32(tokens)
    output_error /= np.float32(tokens)
    seen = [group for part in parts for group in part.seen]
    return _Inputs(hessian=hessian, output_error=output_error, seen=seen)


def _rounded_alone(layer: Weights, block_formats: Mapping[str, BlockFormat]) -> Weights:
    """Some matrices of the layer, each weight rounded by itself."""
    return {
        name: decoded(block_format.encode(layer[name]), block_format.type)
        for name, block_format in block_formats.items()
    }


def _add(
    stream: Activations, sublayer: SubLayer, layer: Weights, seen: Sequence[Activations]
) -> None:
    """Let a stream go through the rest of sublayer a layer, in place, from what its last matrix sees."""
    ends = list(accumulate(map(len, seen)))

    def go_on(group: int) -> None:
        leaving = seen[group]
        stream[ends[group] - len(leaving) : ends[group]] += sublayer.residual(leaving, layer)

    in_parallel(go_on, range(len(seen)))


def _advance(stream: Activations, sublayer: SubLayer, layer: Weights) -> None:
    """Let a stream go through sublayer a layer, in place."""

    def go_on(texts: slice) -> None:
        hidden = stream[texts]
        hidden += sublayer.residual(sublayer.projection_input(hidden, layer), layer)

    in_parallel(go_on, slices(len(stream), _GROUP))


def _round_stage(
    names: Sequence[str],
    layer: Weights,
    inputs: _Inputs,
    block_formats: Mapping[str, BlockFormat],
    *,
    steps: bool,
) -> Iterator[tuple[str, CalibratedMatrix]]:
    """Matrices that see the same inputs are rounded by the same factorization."""
    named = [name for name in names if name in block_formats]
    if not named:
        return
    weights = np.concatenate([layer[name] for name in named])
    prepared, targets = side_by_side(
        lambda: with_damping(inputs.hessian, _DAMPING, HessianFactor.of),
        lambda: _target(weights, inputs),
    )
    begin = 0
    for name in named:
        target = targets[begin : begin + len(layer[name])]
        begin += len(target)
        first = gptq_round(target, prepared, block_formats[name])
        rounded = coordinate_descent(target, prepared, first)
        some = slice(None, None, _LOSS_ROWS)
        power = loss(layer[name][some], np.zeros_like(target[some]), inputs.hessian)
        output_error = loss(target[some], rounded.weights()[some], inputs.hessian)
        yield (
            name,
            CalibratedMatrix(
                rounded=rounded,
                loss=output_error / max(power, 1e-30),
                steps=weights_of_steps(layer[name], prepared, block_formats[name], first)
                if steps
                else {},
            ),
        )


def _target(weights: Matrix, inputs: _Inputs) -> Matrix:
    """The weights that give the exact stream's outputs from the rounded stream's inputs, by least squares."""
    if not inputs.output_error.any():
        return weights
    return weights + with_damping(
        inputs.hessian, _TARGET_DAMPING, lambda hessian: solved(hessian, inputs.output_error)
    )
