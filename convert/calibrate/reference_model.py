"""The unrounded model as calibration computes it, its values read when they are needed.

Knows where each tensor's rows come from, and nothing of rounding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from convert import gemma3
from convert.calibrate.calibration import Tokens
from convert.calibrate.divergence import OutputLayer
from convert.calibrate.gemma3_forward import Activations
from convert.checkpoint.config import Gemma3Config
from convert.quantize.tensor_source import TensorRows
from convert.weights import Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactModel:
    """Its shape, and its tensors in the order of the output."""

    config: Gemma3Config
    tensors: Mapping[str, TensorRows]
    """By canonical name."""

    def embed(self, tokens: Tokens) -> Activations:
        """The embedding's rows of token ids, [texts, tokens, width]."""
        embedding = self.tensors[gemma3.EMBEDDING]
        wanted, places = np.unique(tokens, return_inverse=True)
        return embedding.values_at(wanted)[places.reshape(tokens.shape)]

    def layer(self, number: int) -> dict[str, Matrix]:
        """All tensors of a layer by their name inside it."""
        inside = {
            name: self.tensors[gemma3.layer_tensor(number, name)] for name in gemma3.LAYER_TENSORS
        }
        return {name: rows.values(slice(0, len(rows))) for name, rows in inside.items()}

    def output_layer(self) -> OutputLayer:
        output = self.tensors.get(gemma3.OUTPUT, self.tensors[gemma3.EMBEDDING])

        def embedding() -> Iterator[Matrix]:
            for rows in output.chunks():
                yield output.values(rows)

        return OutputLayer(
            norm=self.tensors[gemma3.FINAL_NORM].values(slice(0, 1)),
            norm_epsilon=self.config.norm_epsilon,
            embedding=embedding,
            softcapping=self.config.final_logit_softcapping,
        )
