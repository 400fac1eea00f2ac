"""A tiny Gemma 3 with random weights as a GGUF, written in a moment: for tests of native code.

Its shapes obey every rule of the real family (sliding window, shared embedding, SentencePiece pieces
with byte fallback, control tokens), so llama.cpp runs it as it runs a real one. Needs gguf and numpy,
which the runtime itself does not.
"""

from collections.abc import Collection
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

LAYERS, WIDTH, FEED_FORWARD, HEADS, KEY_WIDTH = 6, 64, 128, 2, 32
SLIDING_WINDOW_TOKENS = 32
CONTROL = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
LETTERS = "абвгғдеёжзийӣкқлмнопрстуӯфхҳчҷшъэюяabcdefghijklmnopqrstuvwxyz0123456789.,?!«»\n"
PIECES = ("▁", "▁са", "лом", "user", "model", "ан", "ин", "ро", "▁м", "▁д")


def write_tiny_gemma3(
    path: Path,
    *,
    seed: int = 7,
    context_tokens: int = 512,
    leave_out: Collection[str] = (),
    chat_template: str = "",
) -> Path:
    """Write the model to `path`, the same bytes for the same seed; returns `path`.

    Pieces that are left out are cut from the vocabulary; all other weights stay as they were.
    """
    every_piece, every_kind = vocabulary()
    rows = [row for row, piece in enumerate(every_piece) if piece not in leave_out]
    pieces, kinds = [every_piece[row] for row in rows], [every_kind[row] for row in rows]
    writer = gguf.GGUFWriter(path, "gemma3")
    write_metadata(
        writer,
        name="Tiny Gemma 3",
        pieces=pieces,
        kinds=kinds,
        context_tokens=context_tokens,
        width=WIDTH,
        layers=LAYERS,
        feed_forward=FEED_FORWARD,
        heads=HEADS,
        key_width=KEY_WIDTH,
        window_tokens=SLIDING_WINDOW_TOKENS,
    )
    if chat_template:
        writer.add_chat_template(chat_template)
    _add_tensors(writer, len(every_piece), rows, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_metadata(
    writer: gguf.GGUFWriter,
    *,
    name: str,
    pieces: list[str],
    kinds: list[int],
    context_tokens: int,
    width: int,
    layers: int,
    feed_forward: int,
    heads: int,
    key_width: int,
    window_tokens: int,
) -> None:
    """The head of a Gemma 3 file with one key head, as llama.cpp's own converter writes it."""
    writer.add_name(name)
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(1)
    writer.add_key_length(key_width)
    writer.add_value_length(key_width)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_sliding_window(window_tokens)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(index) for index in range(len(pieces))])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(CONTROL.index("<bos>"))
    writer.add_eos_token_id(CONTROL.index("<eos>"))
    writer.add_eot_token_id(CONTROL.index("<end_of_turn>"))
    writer.add_unk_token_id(CONTROL.index("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def vocabulary(size: int = 0) -> tuple[list[str], list[int]]:
    """Pieces and their types, filled up to `size` with pieces that no text has."""
    kinds = [int(gguf.TokenType.CONTROL)] * len(CONTROL)
    kinds[CONTROL.index("<unk>")] = int(gguf.TokenType.UNKNOWN)
    kinds += [int(gguf.TokenType.BYTE)] * 256
    pieces = [*CONTROL, *(f"<0x{byte:02X}>" for byte in range(256)), *PIECES, *LETTERS]
    pieces += [f"▁no{number:05}" for number in range(len(pieces), size)]
    kinds += [int(gguf.TokenType.NORMAL)] * (len(pieces) - len(kinds))
    return pieces, kinds


def _add_tensors(
    writer: gguf.GGUFWriter, pieces: int, kept: list[int], random: np.random.Generator
) -> None:
    def draw(rows: int, columns: int) -> NDArray[np.float32]:
        values: NDArray[np.float64] = random.standard_normal((rows, columns)) / np.sqrt(columns)
        return values.astype(np.float32)

    def matrix(name: str, rows: int, columns: int) -> None:
        writer.add_tensor(name, draw(rows, columns))

    def norm(name: str, width: int) -> None:
        writer.add_tensor(name, np.ones(width, dtype=np.float32))

    writer.add_tensor("token_embd.weight", draw(pieces, WIDTH)[kept])
    norm("output_norm.weight", WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            norm(f"{block}{name}.weight", WIDTH)
        for name in ("attn_q_norm", "attn_k_norm"):
            norm(f"{block}{name}.weight", KEY_WIDTH)
        matrix(f"{block}attn_q.weight", HEADS * KEY_WIDTH, WIDTH)
        matrix(f"{block}attn_k.weight", KEY_WIDTH, WIDTH)
        matrix(f"{block}attn_v.weight", KEY_WIDTH, WIDTH)
        matrix(f"{block}attn_output.weight", WIDTH, HEADS * KEY_WIDTH)
        matrix(f"{block}ffn_gate.weight", FEED_FORWARD, WIDTH)
        matrix(f"{block}ffn_up.weight", FEED_FORWARD, WIDTH)
        matrix(f"{block}ffn_down.weight", WIDTH, FEED_FORWARD)
