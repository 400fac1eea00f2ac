"""Models for the laws of trimming: a small tokenizer with real merges, a tiny model around any tokenizer,
and a trimmed copy of a GGUF."""

import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
from numpy.typing import NDArray

from convert.native.llama import LlamaModel
from convert.vocabulary.tokenizer import GEMMA_TEMPLATE, SpecialIds, Tokenizer, write_tokenizer
from convert.vocabulary.trim import VocabularyPlan

CATALOGUES = Path(__file__).parents[2] / "soro_edge" / "locale"
WHOLE = ("<mask>", "[multimodal]", *(f"<unused{number}>" for number in range(40)), "<start_of_turn>",
         "<end_of_turn>", "\n", "\n\n", "\n\n\n", "▁▁", "▁▁▁", "<b>", "</b>", "<table>")  # fmt: skip
OTHER_WRITINGS = (
    "გამარჯობა მსოფლიო",
    "سلام دنیا",
    "日本語 日本",
    "αλφα βητα α β γ π",
    "été où ça",
    "მსოფლიო سلام",
)
LAYERS, WIDTH, FEED_FORWARD, KEY_WIDTH = 2, 256, 256, 32


def corpus() -> list[str]:
    """Tajik, Russian and English lines of this repository, other writings, formulas."""
    lines = [
        line
        for catalogue in sorted(CATALOGUES.rglob("*.po"))
        for line in catalogue.read_text(encoding="utf-8").splitlines()
    ]
    chance = random.Random(3)
    symbols = "0123456789+-=²³√≤≥≈×÷°№«»—…“”()[]{}.,:;!?%$&*/\\|<>@#'\"^_`~🙂✓→xyzabnπαβ"
    return [
        *lines,
        *OTHER_WRITINGS * 20,
        *("".join(chance.choices(symbols, k=30)) for _ in range(150)),
        "абвгғдеёжзийӣкқлмнопрстуӯфхҳчҷшщъыьэюяАБВГҒДЕЁЖЗИЙӢКҚЛМНОПРСТУӮФХҲЧҶШЩЪЫЬЭЮЯ",
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    ]


def write_tokenizer_model(folder: Path, *, pieces: int = 3000) -> Path:
    """A SentencePiece model with the layout of Gemma 3's, trained on `corpus`."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(corpus()),
        model_writer=model,
        model_type="bpe",
        vocab_size=pieces,
        byte_fallback=True,
        split_digits=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        user_defined_symbols=list(WHOLE),
        pad_id=0, eos_id=1, bos_id=2, unk_id=3,
        pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", unk_piece="<unk>",
        num_threads=1,
        minloglevel=3,
    )  # fmt: skip
    path = folder / "tokenizer.model"
    path.write_bytes(model.getvalue())
    return path


def write_tokenizer_json(tokenizer: Tokenizer, folder: Path) -> Path:
    """The same vocabulary as Hugging Face stores Gemma 3's: every pair that gives a piece is a merge."""
    pieces = [piece.replace(" ", "▁") for piece in tokenizer.pieces]
    known = set(pieces)
    normal = tokenizer.of_kind(gguf.TokenType.NORMAL)
    ranked = normal[np.argsort(-tokenizer.scores[normal], kind="stable")]
    merges = [
        [piece[:cut], piece[cut:]]
        for piece in (pieces[token] for token in ranked)
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    ]
    control = tokenizer.of_kind(gguf.TokenType.CONTROL)
    whole = tokenizer.of_kind(gguf.TokenType.USER_DEFINED)
    added = [{"id": int(token), "content": pieces[token], "special": token in control}
             for token in sorted([*control, *whole])]  # fmt: skip
    content = {
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "added_tokens": added,
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "vocab": {piece: token for token, piece in enumerate(pieces)},
            "merges": merges,
        },
    }
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def write_tiny_model(
    tokenizer: Tokenizer,
    embedding: NDArray[np.float32],
    path: Path,
    stored: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
) -> Path:
    """A Gemma 3 of random weights, the same for each call, with this vocabulary and this embedding,
    which is stored as `stored`."""
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_key_length(KEY_WIDTH)
    writer.add_value_length(KEY_WIDTH)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(32)
    write_tokenizer(tokenizer, writer)
    chance = np.random.default_rng(11)

    def tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, chance.standard_normal(shape).astype(np.float32) / np.float32(16))

    writer.add_tensor("token_embd.weight", gguf.quantize(embedding, stored), raw_dtype=stored)
    tensor("output_norm.weight", WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            tensor(f"{block}{name}.weight", WIDTH)
        for name in ("attn_q_norm", "attn_k_norm"):
            tensor(f"{block}{name}.weight", KEY_WIDTH)
        tensor(f"{block}attn_q.weight", 2 * KEY_WIDTH, WIDTH)
        tensor(f"{block}attn_k.weight", KEY_WIDTH, WIDTH)
        tensor(f"{block}attn_v.weight", KEY_WIDTH, WIDTH)
        tensor(f"{block}attn_output.weight", WIDTH, 2 * KEY_WIDTH)
        tensor(f"{block}ffn_gate.weight", FEED_FORWARD, WIDTH)
        tensor(f"{block}ffn_up.weight", FEED_FORWARD, WIDTH)
        tensor(f"{block}ffn_down.weight", WIDTH, FEED_FORWARD)
    _finish(writer)
    return path


def tokenizer_of(reader: gguf.GGUFReader) -> Tokenizer:
    """The tokenizer inside a GGUF."""

    def number(key: str) -> int:
        return int(reader.fields[f"tokenizer.ggml.{key}"].contents())

    pieces = reader.fields["tokenizer.ggml.tokens"].contents()
    return Tokenizer(
        pieces=tuple(pieces),
        scores=np.array(reader.fields["tokenizer.ggml.scores"].contents(), dtype=np.float32),
        kinds=np.array(reader.fields["tokenizer.ggml.token_type"].contents(), dtype=np.int32),
        special=SpecialIds(
            bos=number("bos_token_id"),
            eos=number("eos_token_id"),
            unk=number("unknown_token_id"),
            pad=number("padding_token_id"),
            end_of_turn=pieces.index("<end_of_turn>"),
        ),
        chat_template=GEMMA_TEMPLATE,
        add_bos=True,
        source="GGUF",
        template_source="Gemma 3",
    )


def write_trimmed_gguf(reader: gguf.GGUFReader, plan: VocabularyPlan, target: Path) -> None:
    """A copy with the plan's vocabulary; the kept rows of the embedding are copied byte for byte."""
    writer = gguf.GGUFWriter(target, "gemma3")
    for key, field in reader.fields.items():
        if key.startswith("gemma3."):
            writer.add_key_value(key, field.contents(), field.types[0])
    write_tokenizer(plan.tokenizer, writer)
    for tensor in reader.tensors:
        data = tensor.data[plan.kept] if tensor.name == "token_embd.weight" else tensor.data
        writer.add_tensor(tensor.name, data, raw_dtype=tensor.tensor_type)
    _finish(writer)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def differing_logits(
    full: LlamaModel, trimmed: LlamaModel, kept: NDArray[np.int64], tokens: Sequence[int]
) -> int:
    """How many logits of kept pieces differ in any bit, after each of `tokens` (ids of the trimmed
    model)."""
    old_tokens = kept[list(tokens)].tolist()
    pairs = zip(full.logits_in_batches(old_tokens), trimmed.logits_in_batches(tokens), strict=True)
    return sum(
        int((old[:, kept].view(np.uint32) != new.view(np.uint32)).sum()) for old, new in pairs
    )


def comes_back(model: LlamaModel, text: str) -> bool:
    """Whether a text's tokens give the text again."""
    return model.detokenize(model.tokenize(text)) == text.encode("utf-8")
