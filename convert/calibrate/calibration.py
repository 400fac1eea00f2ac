"""Rounds a model layer by layer, each matrix for the inputs that it will really see.

Calibration texts go through the model twice, side by side: through the exact layers, and through the
layers already rounded. A matrix is rounded for the inputs of the second stream, with the outputs of the
first as its aim, so that later layers mend what earlier ones lost. Texts held out go along and are
never looked at: how far the two streams have parted on them is the honest measure.
Knows layers and texts, no file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from convert.calibrate.ablation import STEPS, weights_of_steps
from convert.calibrate.divergence import ALL_Q4_0, PLAIN, WRITTEN, Closeness, OutputLayer, measure
from convert.calibrate.gemma3_forward import (
    Activations,
    Half,
    LayerMath,
    Weights,
    attention,
    feed_forward,
)
from convert.checkpoint.config import Gemma3Config
from convert.native.ggml import decoded
from convert.parallel import CORES, in_parallel, side_by_side, slices, stop_if_asked
from convert.quantize.block_formats import Q4_0, Grid
from convert.quantize.cholesky import solved
from convert.quantize.gptq import (
    Hessian,
    Prepared,
    Rounded,
    bettered,
    compensated,
    loss,
    with_damping,
)
from convert.weights import Matrix

Tokens = NDArray[np.int64]
"""[texts, tokens]; each text begins with <bos>."""

_GROUP = 4
"""Texts computed at once."""
_PARTS = min(CORES, 4)
"""Threads that sum up what a matrix sees, each in two matrices of its own."""
_LOSS_ROWS = 8
"""Every eighth row is enough to say what rounding costs."""
_DAMPING = 0.01
_AIM_DAMPING = 0.1
"""The aim is corrected only as far as the texts show clearly what is to be corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundedMatrix:
    """A matrix on its grid, and what that costs."""

    rounded: Rounded
    loss: float
    """Of the output's power, on the calibration texts; from every eighth row."""
    steps: Mapping[str, Matrix] = field(default_factory=dict)
    """The weights without the later steps of the rounding, where that is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """What the matrices of one stage see. Means are over the calibration tokens."""

    hessian: Hessian
    """Mean of x x^T, x an input in the rounded stream."""
    lost: Matrix
    """Mean of (W e - W x) x^T, e the same input in the exact stream, W the stage's matrices below each
    other: what their outputs have lost before they are rounded themselves."""
    seen: list[Activations]
    """What the last matrix of a half sees in the rounded stream, some texts after others; else nothing."""


class Calibration:
    """Two streams on their way through the layers."""

    def __init__(
        self,
        config: Gemma3Config,
        embed: Callable[[Tokens], Activations],
        texts: Tokens,
        held: Tokens,
        *,
        mixed: bool = False,
        steps: bool = False,
    ) -> None:
        """`embed` gives the embedding's rows of token ids; `held` texts are as long as `texts`. With `mixed`
        grids it is measured too how all matrices in Q4_0 would do, with `steps` what each step gains."""
        self._config = config
        self._calibrating = len(texts)
        self._tokens = np.concatenate([texts, held])
        self._exact = embed(self._tokens) * np.float32(config.width**0.5)
        self._rounded = self._exact.copy()
        names = (PLAIN, *((ALL_Q4_0,) if mixed else ()), *(STEPS if steps else ()))
        self._beside = {name: self._exact[self._calibrating :].copy() for name in names}
        self._layers_done = 0

    def round_layer(self, layer: Weights, grids: Mapping[str, Grid]) -> dict[str, RoundedMatrix]:
        """Round those matrices of the next layer that `grids` names, and go through it."""
        is_global = (self._layers_done + 1) % self._config.sliding_pattern == 0
        math = LayerMath(self._config, is_global=is_global, tokens=self._tokens.shape[1])
        found: dict[str, RoundedMatrix] = {}
        rounded = dict(layer)
        others: dict[str, dict[str, Matrix]] = {name: dict(layer) for name in self._beside}
        others[PLAIN] |= _rounded_alone(layer, grids)
        if ALL_Q4_0 in others:
            others[ALL_Q4_0] |= _rounded_alone(layer, dict.fromkeys(grids, Q4_0))
        steps = STEPS[0] in others
        for half in (attention(math), feed_forward(math)):
            for names, seen, leave in (
                (half.entering, half.seen_entering, False),
                ((half.leaving,), half.seen_leaving, True),
            ):
                inputs = self._inputs(names, seen, layer, rounded, half.added if leave else None)
                for name, matrix in _round_stage(names, layer, inputs, grids, steps=steps):
                    found[name] = replace(matrix, steps={})
                    rounded[name] = matrix.rounded.weights()
                    for step, weights in matrix.steps.items():
                        others[step][name] = weights
            # The last stage's inputs are already known: no need to compute them once more.
            _add(self._rounded, half, rounded, inputs.seen)
            del inputs
            for name, stream in self._beside.items():
                _advance(stream, half, others[name])
        self._layers_done += 1
        return found

    def closeness(self, output: OutputLayer) -> Closeness:
        """Of the rounded streams to the exact one after the last layer, on the texts held out."""
        held = self._tokens[self._calibrating :]
        return measure(
            output,
            held,
            exact=self._exact[self._calibrating :],
            others={WRITTEN: self._rounded[self._calibrating :], **self._beside},
        )

    def _inputs(
        self,
        names: tuple[str, ...],
        seen: Callable[[Activations, Weights], Activations],
        exact_layer: Weights,
        rounded_layer: Weights,
        added: Callable[[Activations, Weights], Activations] | None,
    ) -> _Inputs:
        """Means over the calibration texts. With `added`, the exact stream goes on by what it gives."""
        weights = np.concatenate([exact_layer[name] for name in names])
        rows, width = weights.shape

        def look(texts: slice) -> _Inputs:
            sums = _Inputs(
                hessian=np.zeros((width, width), dtype=np.float32),
                lost=np.zeros((min(rows, width), width), dtype=np.float32),
                seen=[],
            )
            for group in slices(texts.stop - texts.start, _GROUP):
                stop_if_asked()
                here = slice(texts.start + group.start, texts.start + group.stop)
                exact = seen(self._exact[here], exact_layer)
                if added:
                    self._exact[here] += added(exact, exact_layer)
                known = max(0, min(here.stop, self._calibrating) - here.start)
                if known or added:
                    rounded = seen(self._rounded[here], rounded_layer)
                    if added:
                        sums.seen.append(rounded)
                    inputs = rounded[:known].reshape(-1, width)
                    np.add(sums.hessian, inputs.T @ inputs, out=sums.hessian)
                    difference = exact[:known].reshape(-1, width) - inputs
                    if rows < width:
                        difference = difference @ weights.T
                    np.add(sums.lost, difference.T @ inputs, out=sums.lost)
            return sums

        # Whole parts and not groups: sums in a fixed order make the same bytes each time.
        parts = in_parallel(look, slices(len(self._tokens), -(-len(self._tokens) // _PARTS)))
        means = _means(parts, self._calibrating * self._tokens.shape[1])
        # The product with W is taken where it is smaller: of each input, or of their sum.
        return means if rows < width else replace(means, lost=weights @ means.lost)


def _means(parts: Sequence[_Inputs], tokens: int) -> _Inputs:
    """Of sums over some texts each, in place of the first part's."""
    hessian, lost = parts[0].hessian, parts[0].lost
    for part in parts[1:]:
        hessian += part.hessian
        lost += part.lost
    hessian /= np.float32(tokens)
    lost /= np.float32(tokens)
    seen = [group for part in parts for group in part.seen]
    return _Inputs(hessian=hessian, lost=lost, seen=seen)


def _rounded_alone(layer: Weights, grids: Mapping[str, Grid]) -> Weights:
    """Some matrices of the layer, each weight rounded by itself."""
    return {name: decoded(grid.encode(layer[name]), grid.type) for name, grid in grids.items()}


def _add(stream: Activations, half: Half, layer: Weights, seen: Sequence[Activations]) -> None:
    """Let a stream go through the rest of half a layer, in place, from what its last matrix sees."""
    ends = list(accumulate(map(len, seen)))

    def go_on(group: int) -> None:
        leaving = seen[group]
        stream[ends[group] - len(leaving) : ends[group]] += half.added(leaving, layer)

    in_parallel(go_on, range(len(seen)))


def _advance(stream: Activations, half: Half, layer: Weights) -> None:
    """Let a stream go through half a layer, in place."""

    def go_on(texts: slice) -> None:
        hidden = stream[texts]
        hidden += half.added(half.seen_leaving(hidden, layer), layer)

    in_parallel(go_on, slices(len(stream), _GROUP))


def _round_stage(
    names: Sequence[str],
    layer: Weights,
    inputs: _Inputs,
    grids: Mapping[str, Grid],
    *,
    steps: bool,
) -> Iterator[tuple[str, RoundedMatrix]]:
    """Matrices that see the same inputs are rounded by the same factorization."""
    named = [name for name in names if name in grids]
    if not named:
        return
    weights = np.concatenate([layer[name] for name in named])
    prepared, aims = side_by_side(
        lambda: with_damping(inputs.hessian, _DAMPING, Prepared.of),
        lambda: _aim(weights, inputs),
    )
    begin = 0
    for name in named:
        aim = aims[begin : begin + len(layer[name])]
        begin += len(aim)
        first = compensated(aim, prepared, grids[name])
        rounded = bettered(aim, prepared, first)
        some = slice(None, None, _LOSS_ROWS)
        power = loss(layer[name][some], np.zeros_like(aim[some]), inputs.hessian)
        lost = loss(aim[some], rounded.weights()[some], inputs.hessian)
        yield (
            name,
            RoundedMatrix(
                rounded=rounded,
                loss=lost / max(power, 1e-30),
                steps=weights_of_steps(layer[name], prepared, grids[name], first) if steps else {},
            ),
        )


def _aim(weights: Matrix, inputs: _Inputs) -> Matrix:
    """The weights that give the exact stream's outputs from the rounded stream's inputs, by least squares."""
    if not inputs.lost.any():
        return weights
    return weights + with_damping(
        inputs.hessian, _AIM_DAMPING, lambda hessian: solved(hessian, inputs.lost)
    )
