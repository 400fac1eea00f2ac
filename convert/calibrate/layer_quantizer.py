"""The tensors of the output, one after the other, in the plan's order, as bytes.

Where there are calibration texts, a layer's matrices are rounded together when the first of them is due.
Knows sources and plans; the file they go into is output/gguf_file.py's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from convert import gemma3
from convert.calibrate.calibration import Calibration
from convert.calibrate.calibration_data import CalibrationTexts
from convert.calibrate.divergence import Closeness
from convert.calibrate.reference_model import ExactModel
from convert.progress import (
    MEASURING_DIVERGENCE,
    READING_TEXT,
    ROUNDING,
    ROUNDING_LAYERS,
    Progress,
)
from convert.quantize.block_formats import GRIDS
from convert.quantize.tensor_source import Bytes, TensorRows


@dataclass(slots=True, kw_only=True)
class Rounding:
    """Makes the bytes of every tensor, and keeps what it measured on the way."""

    model: ExactModel
    texts: CalibrationTexts | None
    """None rounds every matrix by itself."""
    progress: Progress
    steps: bool = False
    """It is measured too what each step of the rounding gains."""
    losses: dict[str, float] = field(default_factory=dict)
    """Of calibrated matrices by GGUF name: of the output's power, on the calibration texts."""
    closeness: Closeness | None = None
    """After the last tensor, where there were texts."""

    def __iter__(self) -> Iterator[tuple[str, Iterable[Bytes]]]:
        """(GGUF name, its bytes in parts)"""
        calibration = self._calibration()
        if calibration is None:
            self.progress.begin(ROUNDING, sum(map(_weights, self.model.tensors.values())))
            for name, rows in self.model.tensors.items():
                yield gemma3.gguf_name(name), self._told(rows)
            return
        self.progress.begin(ROUNDING_LAYERS, self.model.config.layers)
        rounded: dict[str, Bytes] = {}
        layer_of_rounded = None
        for name, rows in self.model.tensors.items():
            layer = gemma3.layer_of(name)
            if layer is not None and layer != layer_of_rounded:
                rounded, layer_of_rounded = self._round_layer(calibration, layer), layer
            yield (
                gemma3.gguf_name(name),
                [rounded[name]] if name in rounded else rows.encoded(),
            )
        self.closeness = self._measure(calibration)

    def _told(self, rows: TensorRows) -> Iterator[Bytes]:
        parts = rows.encoded()
        for part in parts:
            yield part
            self.progress.advance(_weights(rows) * part.nbytes / rows.planned.size_bytes)

    def _calibration(self) -> Calibration | None:
        types = {rows.planned.type for rows in self.model.tensors.values() if _is_rounded(rows)}
        if self.texts is None or not types:
            return None
        self.progress.begin(READING_TEXT, 1)
        return Calibration(
            self.model.config,
            self.model.embed,
            self.texts.calibrating,
            self.texts.held,
            mixed=len(types) > 1,
            steps=self.steps,
        )

    def _round_layer(self, calibration: Calibration, layer: int) -> dict[str, Bytes]:
        """Bytes of the layer's rounded matrices, by canonical name."""
        inside = {
            name: self.model.tensors[gemma3.layer_tensor(layer, name)]
            for name in gemma3.LAYER_TENSORS
        }
        grids = {
            name: GRIDS[rows.planned.type] for name, rows in inside.items() if _is_rounded(rows)
        }
        found = calibration.round_layer(self.model.layer(layer), grids)
        self.progress.advance(1)
        for name, matrix in found.items():
            self.losses[gemma3.gguf_name(gemma3.layer_tensor(layer, name))] = matrix.loss
        return {
            gemma3.layer_tensor(layer, name): matrix.rounded.packed()
            for name, matrix in found.items()
        }

    def _measure(self, calibration: Calibration) -> Closeness:
        self.progress.begin(MEASURING_DIVERGENCE, 1)
        return calibration.closeness(self.model.output_layer())


def _is_rounded(rows: TensorRows) -> bool:
    """Whether this is a layer's matrix on an INT grid that is not the source's own."""
    planned = rows.planned
    return (
        planned.type in GRIDS
        and gemma3.layer_of(planned.name) is not None
        and rows.repacking_error is None
    )


def _weights(rows: TensorRows) -> int:
    return len(rows) * rows.planned.shape[-1]
