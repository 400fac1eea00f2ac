"""A checkpoint of Gemma 3 in Hugging Face's form: its config, and a source of rows for each of its tensors.

Finds the text model inside a multimodal checkpoint, and chooses the reader of a tensor by what is stored
beside it: where config.json says otherwise, the tensors decide. Knows nothing of the tokenizer, and of
nothing that is written.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from convert import gemma3
from convert.checkpoint import tensor_names
from convert.checkpoint.config import Gemma3Config
from convert.checkpoint.fingerprint import fingerprint
from convert.checkpoint.folder import lora_adapter, read_folder
from convert.checkpoint.formats import float8, gptq, pack_quantized
from convert.checkpoint.formats.float8 import float8_source
from convert.checkpoint.formats.gptq import gptq_source
from convert.checkpoint.formats.int4 import Int4Source
from convert.checkpoint.formats.pack_quantized import pack_quantized_source
from convert.checkpoint.formats.plain import PLAIN, plain_source
from convert.checkpoint.formats.stored import COPY_AGAIN, DTYPES, StoredTensor
from convert.checkpoint.quantization_config import Quantization, read_quantization
from convert.checkpoint.shards import read_shards
from convert.errors import BadTensor
from convert.weights import Matrix, WeightSource

Parts = Mapping[str, StoredTensor]
"""What is stored of one module, by the last part of its name: `weight`, `weight_scale`."""

_VALUE_HEADS = ("v_head.", "value_head.")
"""Of reinforcement learning: they judge texts, and have no part in writing them."""
_BUFFERS = re.compile(r"(^|\.)(rotary_emb(_local)?\.\w+|embed_scale)$")
"""What a model computes by itself when it is loaded, and some versions stored."""
_OF_ACTIVATIONS = re.compile(r"(input|output|q|k|v|kv|prob)(_global)?_(scale|zero_point)")
"""Last parts of names. llama.cpp computes activations and the KV cache in its own way."""
_PARTS = {"qweight": gptq.PARTS, "weight_packed": pack_quantized.PARTS, "weight": float8.PARTS}
"""What may be stored of a matrix, by the part that tells the format."""
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An opened checkpoint."""

    folder: Path
    config: Gemma3Config
    tensors: Mapping[str, WeightSource]
    """Every tensor of the text model, by its canonical name, in the order of the computation."""
    said: tuple[str, ...]
    """What the model maker should know of it, in sentences without a full stop."""
    shards: tuple[Path, ...]
    """The safetensors files."""
    index: Path | None
    """The file that names the shards; None where there is one file alone."""

    @property
    def size_bytes(self) -> int:
        """The size of the weights as they are stored."""
        return sum(path.stat().st_size for path in self.shards)

    def fingerprint(self, count: Callable[[int], None] = lambda _: None) -> str:
        """Return the SHA-256 of everything in the folder that a conversion reads.

        Reads it all, and tells `count` of every number of bytes it has read.
        """
        files = (*self.shards, *((self.index,) if self.index else ()))
        return fingerprint(self.folder, files, count)


def open_checkpoint(folder: Path) -> Checkpoint:
    """Open the checkpoint in a folder: reads headers and scales, and no weights but an output matrix that a
    tied embedding makes doubtful.

    Raises UnsupportedCheckpoint for another kind of model, BadCheckpoint for a damaged one.
    """
    config = read_folder(folder)
    shards = read_shards(folder)
    modules, said = _text_modules(shards.tensors)
    quantization = read_quantization(folder)
    if quantization.refusal and _all_plain(modules):
        said.append(
            f"config.json tells of a quantization by {quantization.method},"
            " but the weights are stored without one"
        )
        quantization = Quantization()
    if quantization.refusal:
        raise quantization.refusal
    if config.tied_embedding and "lm_head" in modules and "model.embed_tokens" not in modules:
        modules["model.embed_tokens"] = modules.pop("lm_head")
        said.append("the tied embedding is stored as lm_head")

    def source(name: str, shape: tuple[int, ...]) -> WeightSource:
        return _source(name, shape, modules.pop(name.removesuffix(".weight"), {}), quantization)

    sources = {name: source(name, shape) for name, shape in config.tensor_shapes().items()}
    if config.tied_embedding and "lm_head" in modules:
        embedding = sources[gemma3.EMBEDDING]
        head = source(gemma3.OUTPUT, embedding.shape)
        if _same_values(embedding, head):
            said.append("lm_head left out: it is tied to the embedding")
        else:
            said.append("lm_head is not the embedding that it is tied to: both are kept")
            config = replace(config, tied_embedding=False)
            sources[gemma3.OUTPUT] = head
    if modules:
        parts = next(iter(modules.values()))
        raise _unknown(next(iter(parts.values())))
    return Checkpoint(
        folder=folder,
        config=config,
        tensors=MappingProxyType(sources),
        said=(*shards.remarks, *said, *_said_of_int4(sources)),
        shards=tuple(sorted({tensor.file for tensor in shards.tensors.values()})),
        index=shards.index,
    )


def _text_modules(
    stored: Mapping[str, StoredTensor],
) -> tuple[dict[str, dict[str, StoredTensor]], list[str]]:
    """The text model's parts by canonical module name, and what was left out."""
    modules: dict[str, dict[str, StoredTensor]] = {}
    left_out: Counter[str] = Counter()
    wrappers: Counter[str] = Counter()
    for name, tensor in stored.items():
        if tensor_names.belongs_to_adapter(name):
            raise lora_adapter("{name} belongs to a LoRA adapter, not to a whole model.", name=name)
        canonical = tensor_names.canonical(name)
        module, _, part = canonical.name.rpartition(".")
        if canonical.is_vision:
            left_out["vision"] += 1
        elif canonical.name.startswith(_VALUE_HEADS):
            left_out["head"] += 1
        elif _BUFFERS.search(canonical.name):
            left_out["buffer"] += 1
        elif _OF_ACTIVATIONS.fullmatch(part):
            left_out["activation"] += 1
        elif (other := modules.setdefault(module, {}).setdefault(part, tensor)) is not tensor:
            raise BadTensor(
                f"{other.name} and {name} are the same tensor of the model.",
                "Leave one model in the folder: the other one may be an older state of it.",
            )
        wrappers.update(canonical.wrappers)
    sentences = {
        "vision": "text part of a multimodal checkpoint; {} vision tensors left out",
        "activation": "{} scales of activations left out",
        "buffer": "{} tensors left out that a model computes by itself",
        "head": "value head of reinforcement learning left out, {} tensors",
    }
    said = [text.format(left_out[kind]) for kind, text in sentences.items() if left_out[kind]]
    said += [f"«{word}» taken out of {count} tensors' names" for word, count in wrappers.items()]
    return modules, said


def _all_plain(modules: Mapping[str, Parts]) -> bool:
    """Whether every tensor is stored as plain numbers: what config.json tells of a quantization is then a
    thing of the past."""
    return all(
        parts.keys() == {"weight"} and parts["weight"].dtype in PLAIN for parts in modules.values()
    )


def _same_values(embedding: WeightSource, head: WeightSource) -> bool:
    """Whether two matrices are one, but for the rounding of the coarser type that one is stored in."""
    for begin in range(0, embedding.shape[0], _ROWS_AT_ONCE):
        rows = begin, min(begin + _ROWS_AT_ONCE, embedding.shape[0])
        one, other = embedding.rows(*rows), head.rows(*rows)
        if not any(
            np.array_equal(_as_stored(one, by.storage), _as_stored(other, by.storage))
            for by in (embedding, head)
        ):
            return False
    return True


def _as_stored(rows: Matrix, storage: str) -> Matrix:
    """The values after a way through the type that a plain matrix is stored in."""
    if storage not in PLAIN:
        return rows
    with np.errstate(over="ignore"):
        return rows.astype(DTYPES[storage]).astype(np.float32)


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
        return gptq_source(
            name,
            shape,
            parts,
            zeros_less_one=quantization.zeros_less_one,
            symmetric=quantization.symmetric,
        )
    if kind == "weight_packed":
        return pack_quantized_source(name, shape, parts)
    if len(parts) > 1 or parts["weight"].dtype == "F8_E4M3":
        return float8_source(name, shape, parts, quantization.block)
    if name in (gemma3.EMBEDDING, gemma3.OUTPUT):
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
