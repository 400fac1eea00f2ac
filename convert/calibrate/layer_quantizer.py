"""The bytes of the output's tensors, one after the other, in the order of the plan.

With calibration data, the matrices of a layer are quantized together when the first of them is due. Knows
tensor sources and their types; output/gguf_file.py knows the file that the bytes go into.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from convert import gemma3
from convert.calibrate.calibration import Calibration
from convert.calibrate.calibration_data import CalibrationData
from convert.calibrate.divergence import DivergenceReport
from convert.calibrate.reference_model import ReferenceModel
from convert.progress import (
    MEASURING_DIVERGENCE,
    READING_TEXT,
    ROUNDING,
    ROUNDING_LAYERS,
    Progress,
)
from convert.quantize.block_formats import BLOCK_FORMATS
from convert.quantize.tensor_source import Bytes, TensorSource


@dataclass(slots=True, kw_only=True)
class LayerQuantizer:
    """Produces the bytes of every tensor, and keeps the measurements made on the way."""

    model: ReferenceModel
    texts: CalibrationData | None
    """None quantizes every weight by itself."""
    progress: Progress
    steps: bool = False
    """Whether to measure what each step of the quantization gains."""
    losses: dict[str, float] = field(default_factory=dict)
    """Relative squared error of each calibrated matrix's outputs on the calibration data, by GGUF name."""
    divergence: DivergenceReport | None = None
    """Measured after the last tensor, where there was calibration data."""

    def __iter__(self) -> Iterator[tuple[str, Iterable[Bytes]]]:
        """Yield each tensor's GGUF name and its bytes in parts."""
        calibration = self._calibration()
        if calibration is None:
            self.progress.begin(ROUNDING, sum(map(_weights, self.model.tensors.values())))
            for name, rows in self.model.tensors.items():
                yield gemma3.gguf_name(name), self._told(rows)
            return
        self.progress.begin(ROUNDING_LAYERS, self.model.config.num_hidden_layers)
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
        self.divergence = self._measure(calibration)

    def _told(self, rows: TensorSource) -> Iterator[Bytes]:
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
            self.texts.sequences,
            self.texts.validation,
            mixed=len(types) > 1,
            steps=self.steps,
        )

    def _round_layer(self, calibration: Calibration, layer: int) -> dict[str, Bytes]:
        """Quantize a layer's matrices, and return their bytes by canonical name."""
        inside = {
            name: self.model.tensors[gemma3.layer_tensor(layer, name)]
            for name in gemma3.LAYER_TENSORS
        }
        block_formats = {
            name: BLOCK_FORMATS[rows.planned.type]
            for name, rows in inside.items()
            if _is_rounded(rows)
        }
        found = calibration.round_layer(self.model.layer(layer), block_formats)
        self.progress.advance(1)
        for name, matrix in found.items():
            self.losses[gemma3.gguf_name(gemma3.layer_tensor(layer, name))] = matrix.loss
        return {
            gemma3.layer_tensor(layer, name): matrix.rounded.packed()
            for name, matrix in found.items()
        }

    def _measure(self, calibration: Calibration) -> DivergenceReport:
        self.progress.begin(MEASURING_DIVERGENCE, 1)
        return calibration.divergence(self.model.output_layer())


def _is_rounded(rows: TensorSource) -> bool:
    """Whether this is a layer's matrix on an INT grid that is not the source's own."""
    planned = rows.planned
    return (
        planned.type in BLOCK_FORMATS
        and gemma3.layer_of(planned.name) is not None
        and rows.repacking_error is None
    )


def _weights(rows: TensorSource) -> int:
    return len(rows) * rows.planned.shape[-1]
