"""Tokens that a fine-tune added are in the file, whichever of the tokenizer's files tells of them."""

import json
from pathlib import Path
from typing import Any

import gguf
import pytest

from convert.errors import BadCheckpoint
from convert.vocabulary.tokenizer import GEMMA_TEMPLATE, Tokenizer, fit_to_embedding, read_tokenizer
from tests.convert.checkpoints import write_checkpoint
from tests.convert.conversions import convert_tiny
from tests.convert.tiny_tokenizer import tiny_pieces

COUNT = len(tiny_pieces())
ADDED = ("<think>", "</think>", "<lesson>")
IDS = {piece: COUNT + number for number, piece in enumerate(ADDED)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoint(
        tmp_path / "model", layers=1, sizes={"vocab_size": COUNT + len(ADDED)}
    ).folder


def write_json(path: Path, content: dict[str, Any]) -> None:
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**old, **content}, ensure_ascii=False), encoding="utf-8")


def in_tokenizer_json(folder: Path, ids: dict[str, int], *, special: bool = False) -> None:
    added = [{"id": token, "content": piece, "special": special} for piece, token in ids.items()]
    vocabulary = {piece.text: token for token, piece in enumerate(tiny_pieces())}
    model = {"type": "BPE", "byte_fallback": True, "vocab": vocabulary, "merges": []}
    write_json(folder / "tokenizer.json", {"added_tokens": added, "model": model})


def in_decoder(folder: Path, ids: dict[str, int]) -> None:
    decoder = {str(token): {"content": piece} for piece, token in ids.items()}
    write_json(folder / "tokenizer_config.json", {"added_tokens_decoder": decoder})


def in_added_tokens(folder: Path, ids: dict[str, int]) -> None:
    write_json(folder / "added_tokens.json", ids)


def pieces_at_the_end(folder: Path) -> tuple[str, ...]:
    return fit_to_embedding(read_tokenizer(folder), COUNT + len(ADDED)).pieces[COUNT:]


@pytest.mark.parametrize("where", [in_tokenizer_json, in_decoder, in_added_tokens])
def test_one_file_is_enough(where: Any, folder: Path) -> None:
    where(folder, IDS)
    assert pieces_at_the_end(folder) == ADDED


def test_all_files_may_agree_and_repeat_what_is_old(folder: Path) -> None:
    in_tokenizer_json(folder, {"<pad>": 0, **IDS})
    in_decoder(folder, {"<bos>": 2, **IDS})
    in_added_tokens(folder, {"<eos>": 1, **IDS})
    assert pieces_at_the_end(folder) == ADDED


def test_each_file_may_know_another_token(folder: Path) -> None:
    in_added_tokens(folder, {ADDED[0]: COUNT})
    in_decoder(folder, {ADDED[1]: COUNT + 1})
    in_tokenizer_json(folder, {ADDED[2]: COUNT + 2})
    assert pieces_at_the_end(folder) == ADDED


def test_tokenizer_json_has_the_last_word(folder: Path) -> None:
    in_added_tokens(folder, {"<old>": COUNT})
    in_tokenizer_json(folder, IDS)
    assert pieces_at_the_end(folder) == ADDED


def test_special_is_control_and_others_are_matched_in_texts(folder: Path) -> None:
    for special, kind in ((True, gguf.TokenType.CONTROL), (False, gguf.TokenType.USER_DEFINED)):
        in_tokenizer_json(folder, IDS, special=special)
        assert (read_tokenizer(folder).kinds[COUNT:] == int(kind)).all()


def test_one_piece_with_two_ids_is_refused(folder: Path) -> None:
    in_added_tokens(folder, {"<think>": COUNT})
    in_tokenizer_json(folder, {"<think>": COUNT + 1})
    with pytest.raises(BadCheckpoint, match=f"'<think>' is token {COUNT} and token {COUNT + 1}"):
        read_tokenizer(folder)


def test_another_vocabulary_in_tokenizer_json_is_refused(folder: Path) -> None:
    in_tokenizer_json(folder, IDS)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"]["мактаби"] = 500
    write_json(folder / "tokenizer.json", content)
    with pytest.raises(BadCheckpoint, match="two vocabularies: piece 'мактаби' is token 500"):
        read_tokenizer(folder)


@pytest.mark.parametrize(
    "content", ["{}", '{"model": []}', '{"added_tokens": [1], "model": {}}', "["]
)
def test_a_damaged_tokenizer_json_is_named(content: str, folder: Path) -> None:
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(BadCheckpoint, match=r"tokenizer|added tokens"):
        read_tokenizer(folder)


def fitted(folder: Path, rows: int) -> Tokenizer:
    return fit_to_embedding(read_tokenizer(folder), rows)


def test_a_token_without_a_row_is_left_out_and_told(folder: Path) -> None:
    in_tokenizer_json(folder, {**IDS, "<far>": COUNT + 40, "<image_soft_token>": COUNT + 41})
    tokenizer = fitted(folder, COUNT + 3)
    assert tokenizer.pieces[COUNT:] == ADDED
    assert tokenizer.said == ("left out, because the embedding has no row for them: <far>",)


@pytest.mark.parametrize("padding", [1, 61, 300, 4096])
def test_rows_without_a_piece_are_padding_and_told(padding: int, folder: Path) -> None:
    tokenizer = fitted(folder, COUNT + padding)
    assert len(tokenizer) == COUNT
    assert tokenizer.said == (
        f"padding left out: {padding:,} rows of the embedding without a piece",
    )


def test_a_token_inside_the_padding_keeps_its_row(folder: Path) -> None:
    in_tokenizer_json(folder, {"<far>": COUNT + 200})
    tokenizer = fitted(folder, COUNT + 300)
    assert tokenizer.pieces[COUNT + 200] == "<far>"
    assert tokenizer.kinds[COUNT] == gguf.TokenType.UNUSED


@pytest.mark.native
def test_an_added_token_reaches_the_file_with_its_row(folder: Path, output: Path) -> None:
    in_tokenizer_json(folder, IDS)
    report = convert_tiny(folder, output)
    tokens = gguf.GGUFReader(output).fields["tokenizer.ggml.tokens"].contents()
    assert tuple(tokens[COUNT:]) == ADDED
    assert report.vocabulary_rows == COUNT + len(ADDED)


@pytest.mark.parametrize("empty", ["", " \n\n", "\ufeff"])
def test_an_empty_template_counts_as_none_and_is_told(empty: str, folder: Path) -> None:
    own = read_tokenizer(folder).chat_template
    (folder / "chat_template.jinja").write_text(empty, encoding="utf-8")
    tokenizer = read_tokenizer(folder)
    assert tokenizer.chat_template == own
    assert tokenizer.said == ("chat_template.jinja is empty and counts as none",)
    write_json(folder / "tokenizer_config.json", {"chat_template": empty.strip("\ufeff")})
    assert read_tokenizer(folder).chat_template == GEMMA_TEMPLATE
    assert not read_tokenizer(folder).has_own_template


def test_templates_by_name_without_a_default_are_told(folder: Path) -> None:
    named = [{"name": "tool_use", "template": "T"}, "odd", {"name": "rag"}]
    write_json(folder / "tokenizer_config.json", {"chat_template": named})
    tokenizer = read_tokenizer(folder)
    assert tokenizer.chat_template == GEMMA_TEMPLATE
    assert tokenizer.said == (
        "tokenizer_config.json has no default chat template, Gemma 3's is taken",
    )


def test_a_byte_order_mark_is_no_part_of_the_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("\ufeff{{ 1 }}", encoding="utf-8")
    assert read_tokenizer(folder).chat_template == "{{ 1 }}"
