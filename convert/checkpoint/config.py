"""config.json of a Gemma 3 checkpoint, bare or multimodal, as one value; and the tensors that it promises.

Missing members have the defaults of transformers' Gemma3TextConfig. What llama.cpp would compute otherwise
than the checkpoint's own code is refused here, because no later check of shapes would see it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convert.checkpoint.json_file import Members, read_members
from convert.errors import BadCheckpoint, UnsupportedCheckpoint

BARE = "Gemma3ForCausalLM"
MULTIMODAL = "Gemma3ForConditionalGeneration"
_ARCHITECTURES = (BARE, MULTIMODAL, "Gemma3TextModel", "Gemma3Model")
"""The last two are the same models without an output matrix: the embedding is theirs."""
_MODEL_TYPES = {"gemma3_text": BARE, "gemma3": MULTIMODAL}
_LAYERS_OF_27B = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemma3Config:
    """The text model's shape and constants."""

    width: int
    """Length of a hidden state (`hidden_size`)."""
    layers: int
    feed_forward: int
    """Rows of gate_proj and up_proj (`intermediate_size`)."""
    heads: int
    """Query heads."""
    kv_heads: int
    """Key and value heads."""
    head_width: int
    sliding_window: int
    """Tokens that a local layer sees."""
    sliding_pattern: int
    """Layer i (from 0) is global where i + 1 is a multiple of this: 6 in every Gemma 3."""
    rope_base_global: float
    rope_base_local: float
    rope_scaling: float
    """Global layers divide positions by this: 8 from 4B on, 1 is none."""
    norm_epsilon: float
    query_pre_attn_scalar: float
    """Attention scores are divided by its square root."""
    vocabulary_rows: int
    """Rows of the embedding; the tokenizer may have fewer pieces, the rest is padding."""
    context_length: int
    """Tokens (`max_position_embeddings`)."""
    tied_embedding: bool
    """The embedding is the output matrix too."""
    final_logit_softcapping: float | None
    multimodal: bool
    """The text model is a part of a checkpoint that sees pictures too."""

    def tensor_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Every tensor of the text model under its canonical name, in the order of the computation."""
        queries, keys = self.heads * self.head_width, self.kv_heads * self.head_width
        layer = {
            "input_layernorm": (self.width,),
            "self_attn.q_proj": (queries, self.width),
            "self_attn.k_proj": (keys, self.width),
            "self_attn.v_proj": (keys, self.width),
            "self_attn.q_norm": (self.head_width,),
            "self_attn.k_norm": (self.head_width,),
            "self_attn.o_proj": (self.width, queries),
            "post_attention_layernorm": (self.width,),
            "pre_feedforward_layernorm": (self.width,),
            "mlp.gate_proj": (self.feed_forward, self.width),
            "mlp.up_proj": (self.feed_forward, self.width),
            "mlp.down_proj": (self.width, self.feed_forward),
            "post_feedforward_layernorm": (self.width,),
        }
        embedding = (self.vocabulary_rows, self.width)
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": embedding}
        for number in range(self.layers):
            for part, shape in layer.items():
                shapes[f"model.layers.{number}.{part}.weight"] = shape
        shapes["model.norm.weight"] = (self.width,)
        if not self.tied_embedding:
            shapes["lm_head.weight"] = embedding
        return shapes


def read_config(folder: Path) -> Gemma3Config:
    """Raises UnsupportedCheckpoint for another model, BadCheckpoint for a damaged file."""
    whole = read_members(folder / "config.json")
    _require_gemma3(whole)
    # Wherever it lies: tools that cut the text model out of a multimodal one leave it as it was.
    multimodal = "text_config" in whole
    text = whole.object("text_config") if multimodal else whole
    layers = text.whole("num_hidden_layers", 26, least=1)
    rope = _Rope.read(text)
    config = Gemma3Config(
        width=text.whole("hidden_size", 2304, least=1),
        layers=layers,
        feed_forward=text.whole("intermediate_size", 9216, least=1),
        heads=text.whole("num_attention_heads", 8, least=1),
        kv_heads=text.whole("num_key_value_heads", 4, least=1),
        head_width=text.whole("head_dim", 256, least=1),
        sliding_window=text.whole("sliding_window", 4096, least=1),
        sliding_pattern=_sliding_pattern(text, layers),
        rope_base_global=rope.base_global,
        rope_base_local=rope.base_local,
        rope_scaling=rope.scaling,
        norm_epsilon=text.number("rms_norm_eps", 1e-6),
        query_pre_attn_scalar=text.number("query_pre_attn_scalar", 256),
        vocabulary_rows=text.whole("vocab_size", 262_208, least=1),
        context_length=text.whole("max_position_embeddings", 131_072, least=1),
        tied_embedding=text.flag("tie_word_embeddings", whole.flag("tie_word_embeddings", True)),
        final_logit_softcapping=text.number("final_logit_softcapping", 0) or None,
        multimodal=multimodal,
    )
    _refuse_other_arithmetic(text, config)
    return config


def _require_gemma3(whole: Members) -> None:
    model_type = whole.text("model_type", "")
    named = _MODEL_TYPES.get(model_type, model_type or "an unnamed model")
    names = whole.texts("architectures") or [named]
    if not set(names) & set(_ARCHITECTURES):
        raise UnsupportedCheckpoint(
            "The checkpoint is {name}, which is not supported.",
            "Only Gemma 3 text models are converted: Gemma3ForCausalLM, or the text part of"
            " Gemma3ForConditionalGeneration.",
            name=names[0],
        )


def _sliding_pattern(text: Members, layers: int) -> int:
    """The rhythm of global layers, from `layer_types` or the older single number."""
    default = text.whole(
        "sliding_window_pattern", text.whole("_sliding_window_pattern", 6, least=1), least=1
    )
    kinds = text.texts("layer_types")
    if not kinds:
        return default
    is_global = [kind == "full_attention" for kind in kinds]
    pattern = is_global.index(True) + 1 if any(is_global) else max(default, layers + 1)
    rhythm = [(number + 1) % pattern == 0 for number in range(layers)]
    if is_global != rhythm or set(kinds) - {"full_attention", "sliding_attention"}:
        raise UnsupportedCheckpoint(
            f"{text.where}: layer_types is no list of {layers} layers with every n-th one global.",
            "llama.cpp runs Gemma 3 with local layers and every n-th one global, no other way.",
        )
    return pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rope:
    base_global: float
    base_local: float
    scaling: float

    @classmethod
    def read(cls, text: Members) -> "_Rope":
        """Read `rope_parameters`, or the older rope_theta, rope_local_base_freq and rope_scaling.

        Both may be flat, or have an object for each kind of layer.
        """
        old_global, old_local = _by_kind(text.object("rope_scaling"))
        new_global, new_local = _by_kind(text.object("rope_parameters"))
        for members in (old_local, new_local):
            if _scaling(members) not in (None, 1.0):
                raise UnsupportedCheckpoint(
                    f"{members.where} scales positions by 'linear', which is not supported.",
                    _ROPE_HINT,
                )
        said = (_scaling(members) for members in (old_global, new_global))
        factors = [factor for factor in said if factor is not None]
        if len(set(factors)) > 1:
            raise BadCheckpoint(
                f"{text.where}: rope_scaling and rope_parameters name different factors.",
                "Remove the one that the model was not trained with.",
            )
        return cls(
            base_global=new_global.number("rope_theta", text.number("rope_theta", 1e6)),
            base_local=new_local.number("rope_theta", text.number("rope_local_base_freq", 1e4)),
            scaling=factors[0] if factors else 1.0,
        )


_ROPE_HINT = "Gemma 3 scales the positions of its global layers linearly, or not at all."


def _by_kind(members: Members) -> tuple[Members, Members]:
    """What is said of global and of sliding layers; a flat object is about the global ones."""
    kinds = ("full_attention", "sliding_attention")
    if any(kind in members for kind in kinds):
        return members.object(kinds[0]), members.object(kinds[1])
    return members, Members(f"{kinds[1]} in {members.where}", {})


def _scaling(members: Members) -> float | None:
    """By what positions are divided; None where nothing is said. Raises for what Gemma 3 does not do."""
    kind = members.text("rope_type", members.text("type", ""))
    if kind == "default" or (not kind and "factor" not in members):
        return None
    if not kind:
        raise BadCheckpoint(
            f"{members.where} has a factor and no rope_type, so what it scales is not known.",
            'Add "rope_type": "linear" where the model was trained so, or remove the object.',
        )
    if kind != "linear":
        raise UnsupportedCheckpoint(
            f"{members.where} scales positions by {kind!r}, which is not supported.", _ROPE_HINT
        )
    factor = members.number("factor", 0)
    if factor <= 0:
        raise BadCheckpoint(
            f"{members.where} scales positions linearly and has no factor above 0.",
            "Copy config.json again from where the model was trained.",
        )
    return factor


def _refuse_other_arithmetic(text: Members, config: Gemma3Config) -> None:
    """llama.cpp has these constants in its code, not in the file."""
    activation = text.text("hidden_activation", text.text("hidden_act", "gelu_pytorch_tanh"))
    softcapping = text.number("attn_logit_softcapping", 0)
    scalar = (
        config.width / config.heads if config.layers == _LAYERS_OF_27B else float(config.head_width)
    )
    wrong = [
        (activation != "gelu_pytorch_tanh", f"hidden_activation = {activation}"),
        (text.flag("attention_bias", False), "attention_bias = true"),
        (softcapping != 0, f"attn_logit_softcapping = {softcapping:g}"),
        (text.flag("use_bidirectional_attention", False), "use_bidirectional_attention = true"),
        (
            config.query_pre_attn_scalar != scalar,
            f"query_pre_attn_scalar = {config.query_pre_attn_scalar:g} where Gemma 3 has {scalar:g}",
        ),
    ]
    for is_wrong, what in wrong:
        if is_wrong:
            raise UnsupportedCheckpoint(
                f"{text.where} says {what}: llama.cpp does not compute a Gemma 3 like this.",
                "Convert a checkpoint that was trained from Google's Gemma 3 without such changes.",
            )
