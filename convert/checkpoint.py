"""A checkpoint of Gemma 3 in Hugging Face's form: its config, and a source of rows for each of its tensors.

Finds the text model inside a multimodal checkpoint, gives every tensor its canonical name, and chooses the
reader by what is stored beside it. Opening reads headers and INT4 scales, no weights. Knows nothing of the
tokenizer, and of nothing that is written.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from convert.config import Gemma3Config
from convert.errors import BadTensor
from convert.fingerprint import fingerprint
from convert.folder import lora_adapter, read_folder
from convert.formats import float8, gptq, pack_quantized
from convert.formats.float8 import float8_source
from convert.formats.gptq import gptq_source
from convert.formats.int4 import Int4Source
from convert.formats.pack_quantized import pack_quantized_source
from convert.formats.plain import plain_source
from convert.formats.stored import COPY_AGAIN, StoredTensor
from convert.quantization_config import Quantization, read_quantization
from convert.shards import read_shards
from convert.weights import WeightSource

Parts = Mapping[str, StoredTensor]
"""What is stored of one module, by the last part of its name: `weight`, `weight_scale`."""

_TEXT_PREFIXES = {
    "language_model.model.": "model.",
    "model.language_model.": "model.",
    "language_model.lm_head.": "lm_head.",
}
_VISION_PREFIXES = (
    "vision_tower.",
    "multi_modal_projector.",
    "model.vision_tower.",
    "model.multi_modal_projector.",
)
_ACTIVATION_PARTS = {
    "input_scale",
    "input_zero_point",
    "output_scale",
    "output_zero_point",
    "q_scale",
    "k_scale",
    "v_scale",
}
"""Scales of activations and of the KV cache: llama.cpp computes these in its own way."""
_PARTS = {"qweight": gptq.PARTS, "weight_packed": pack_quantized.PARTS, "weight": float8.PARTS}
"""What may be stored of a matrix, by the part that tells the format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An opened checkpoint."""

    folder: Path
    config: Gemma3Config
    tensors: Mapping[str, WeightSource]
    """Every tensor that config.json promises, by its canonical name, in the order of the computation."""
    said: tuple[str, ...]
    """What the model maker should know of it, in sentences without a full stop."""
    shards: tuple[Path, ...]
    """The safetensors files."""

    def fingerprint(self) -> str:
        """SHA-256 of everything in the folder that a conversion reads; reads it all."""
        return fingerprint(self.folder, self.shards)


def open_checkpoint(folder: Path) -> Checkpoint:
    """Raises UnsupportedCheckpoint for another kind of model, BadCheckpoint for a damaged one."""
    config = read_folder(folder)
    quantization = read_quantization(folder)
    stored = read_shards(folder)
    modules, said = _text_modules(stored)
    sources = {
        name: _source(name, shape, modules.pop(name.removesuffix(".weight"), {}), quantization)
        for name, shape in config.tensor_shapes().items()
    }
    if config.tied_embedding and modules.pop("lm_head", {}):
        said.append("lm_head left out: it is tied to the embedding")
    if modules:
        parts = next(iter(modules.values()))
        raise _unknown(next(iter(parts.values())))
    return Checkpoint(
        folder=folder,
        config=config,
        tensors=MappingProxyType(sources),
        said=(*said, *_said_of_int4(sources)),
        shards=tuple(sorted({tensor.file for tensor in stored.values()})),
    )


def _text_modules(
    stored: Mapping[str, StoredTensor],
) -> tuple[dict[str, dict[str, StoredTensor]], list[str]]:
    """The text model's parts by canonical module name, and what was left out."""
    modules: dict[str, dict[str, StoredTensor]] = {}
    vision = activations = 0
    for name, tensor in stored.items():
        if name.startswith(_VISION_PREFIXES):
            vision += 1
            continue
        if ".lora_" in name or name.startswith("base_model."):
            raise lora_adapter(f"{name} belongs to a LoRA adapter, not to a whole model.")
        module, _, part = canonical_name(name).rpartition(".")
        if part in _ACTIVATION_PARTS:
            activations += 1
        else:
            modules.setdefault(module, {})[part] = tensor
    said = []
    if vision:
        said.append(f"text part of a multimodal checkpoint; {vision} vision tensors left out")
    if activations:
        said.append(f"{activations} scales of activations left out")
    return modules, said


def canonical_name(name: str) -> str:
    """The name without a multimodal prefix."""
    for prefix, canonical in _TEXT_PREFIXES.items():
        if name.startswith(prefix):
            return canonical + name.removeprefix(prefix)
    return name


def _source(
    name: str, shape: tuple[int, ...], parts: Parts, quantization: Quantization
) -> WeightSource:
    """The reader that the stored parts call for."""
    if not parts:
        raise BadTensor(
            f"{name} is missing.",
            "config.json promises it: weights and config.json must come from the same training.",
        )
    readable = _PARTS if len(shape) == 2 else {"weight": {"weight"}}
    kind = next((kind for kind in readable if kind in parts), None)
    if kind is None:
        raise BadTensor(
            f"{name} is missing: there is no qweight, weight_packed or weight.", COPY_AGAIN
        )
    if unknown := parts.keys() - readable[kind]:
        raise _unknown(parts[min(unknown)])
    if kind == "qweight":
        return gptq_source(name, shape, parts, zeros_less_one=quantization.zeros_less_one)
    if kind == "weight_packed":
        return pack_quantized_source(name, shape, parts)
    if len(parts) > 1 or parts["weight"].dtype == "F8_E4M3":
        return float8_source(name, shape, parts, quantization.block)
    if name == "model.embed_tokens.weight":
        _check_vocabulary(parts["weight"], shape)
    return plain_source(name, shape, parts["weight"])


def _check_vocabulary(embedding: StoredTensor, shape: tuple[int, ...]) -> None:
    if len(embedding.shape) == 2 and embedding.shape[1] == shape[1] and embedding.shape != shape:
        raise BadTensor(
            f"{embedding.name} has {embedding.shape[0]:,} rows, config.json says vocab_size ="
            f" {shape[0]:,}.",
            "Save the checkpoint again with the tokenizer that it was trained with.",
        )


def _unknown(tensor: StoredTensor) -> BadTensor:
    return BadTensor(
        f"{tensor.name} in {tensor.file.name} is no tensor of the Gemma 3 that config.json describes.",
        "Weights and config.json must come from the same training, without additions.",
    )


def _said_of_int4(sources: Mapping[str, WeightSource]) -> list[str]:
    int4 = [source for source in sources.values() if isinstance(source, Int4Source)]
    said = []
    nearly = sum(1 for source in int4 if source.q4_0_error)
    if nearly:
        whose = "1 INT4 matrix keeps its" if nearly == 1 else f"{nearly} INT4 matrices keep their"
        said.append(f"{whose} codes, {whose.split()[-1]} scales are rounded to F16")
    exact = [source for source in int4 if not source.q4_0_error]
    for reason, count in Counter(source.why_rounded_anew for source in exact).items():
        what = "1 INT4 matrix" if count == 1 else f"{count} INT4 matrices"
        if reason is None:
            verbs = ("lies", "is") if count == 1 else ("lie", "are")
            said.append(f"{what} {verbs[0]} on Q4_0's grid and {verbs[1]} repacked exactly")
            continue
        first = next(source.name for source in int4 if source.why_rounded_anew == reason)
        said.append(
            f"{what} {'is' if count == 1 else 'are'} dequantized and quantized anew ({reason}): {first}"
            + (" and others" if count > 1 else "")
        )
    return sorted(said, reverse=True)
