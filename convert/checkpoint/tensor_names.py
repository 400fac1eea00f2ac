"""Names of tensors: from what a checkpoint stores to the names of a bare Gemma 3.

Training tools wrap a model and put a word before its names or into them; multimodal checkpoints keep the text
model under a name of its own. Knows names alone, no values.
"""

import re
from dataclasses import dataclass

_WRAPPERS = (
    "_orig_mod",  # torch.compile
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",  # Lightning Fabric
    "module",  # DistributedDataParallel, DeepSpeed
)
"""Words that stand anywhere in a name and are no part of Gemma's."""
_PEFT = "base_model.model."
_ADAPTER = re.compile(r"\.(lora_\w+|base_layer|modules_to_save|original_module)(\.|$)")
_VISION = re.compile(r"(vision_tower|multi_modal_projector)\.")
_MODEL = re.compile(
    r"(?:model\.|language_model\.)*(?=(?:embed_tokens|layers|norm|rotary_emb\w*)\.)"
)
"""What may stand before the text model's own modules: nothing where its inner part was saved alone."""
_HEAD = re.compile(r"(?:model\.|language_model\.)*(?=lm_head\.)")
_PREFIX = re.compile(r"(?:model\.)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalName:
    """A tensor's name in a bare Gemma 3, and what the stored name had besides."""

    name: str
    """As Hugging Face names it: `model.layers.0.mlp.up_proj.weight`, `lm_head.weight`."""
    is_vision: bool
    """The tensor belongs to the part of a multimodal model that sees pictures."""
    wrappers: tuple[str, ...]
    """Words of training tools that were taken out of the stored name."""


def belongs_to_adapter(name: str) -> bool:
    """Tell whether a name is of a LoRA adapter, or of a model that one is still wrapped around."""
    return bool(_ADAPTER.search(name))


def canonical(name: str) -> CanonicalName:
    """Return the canonical name; one that is no tensor of Gemma 3 comes back without the wrappers alone."""
    parts = name.split(".")
    wrappers = [part for part in parts if part in _WRAPPERS]
    bare = ".".join(part for part in parts if part not in _WRAPPERS)
    while bare.startswith(_PEFT):
        wrappers.append(_PEFT)
        bare = bare.removeprefix(_PEFT)
    if model := _MODEL.match(bare):
        bare = "model." + bare[model.end() :]
    elif head := _HEAD.match(bare):
        bare = bare[head.end() :]
    inner = bare[_end(bare) :]
    return CanonicalName(
        name=bare, is_vision=bool(_VISION.match(inner)), wrappers=tuple(dict.fromkeys(wrappers))
    )


def _end(name: str) -> int:
    prefix = _PREFIX.match(name)
    return prefix.end() if prefix else 0
