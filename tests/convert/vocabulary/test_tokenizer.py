"""Reading tokenizers: both files give the same tokens, and what cannot be used is named."""

import json
from pathlib import Path

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.errors import BadCheckpoint, UnsupportedCheckpoint
from convert.native.llama import LlamaModel
from convert.vocabulary.bpe_merges import Merges
from convert.vocabulary.proof import write_vocabulary
from convert.vocabulary.tokenizer import GEMMA_TEMPLATE, Tokenizer, fit_to_embedding, read_tokenizer
from tests.convert.vocabulary_models import corpus, write_tokenizer_json, write_tokenizer_model

ANY_TEXT = st.text() | st.lists(st.sampled_from(corpus())).map(" \n".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer_model(made)
    return made


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return read_tokenizer(folder)


def loaded(tokenizer: Tokenizer, path: Path) -> LlamaModel:
    write_vocabulary(tokenizer, path)
    return LlamaModel(path, vocabulary_only=True)


def kind_of(tokenizer: Tokenizer, piece: str) -> gguf.TokenType:
    return gguf.TokenType(int(tokenizer.kinds[tokenizer.pieces.index(piece)]))


def test_control_pieces_are_control_though_the_file_calls_them_user_defined(
    tokenizer: Tokenizer,
) -> None:
    for piece in ("<pad>", "<unk>", "<mask>", "<unused7>", "<start_of_turn>", "<end_of_turn>"):
        assert kind_of(tokenizer, piece) is gguf.TokenType.CONTROL


def test_white_space_pieces_have_plain_spaces(tokenizer: Tokenizer) -> None:
    assert kind_of(tokenizer, "  ") is gguf.TokenType.USER_DEFINED
    assert kind_of(tokenizer, "<table>") is gguf.TokenType.USER_DEFINED


@pytest.mark.native
def test_a_text_never_becomes_a_control_piece(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with loaded(tokenizer, tmp_path / "t.gguf") as model:
        control = tokenizer.of_kind(gguf.TokenType.CONTROL).tolist()
        for token in control:
            assert not set(control) & set(model.tokenize(tokenizer.pieces[token]))


@pytest.mark.native
def test_tokenizer_json_gives_the_same_tokens(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_tokenizer_json(tokenizer, tmp_path)
    other = read_tokenizer(tmp_path)
    assert (other.source, other.special) == ("tokenizer.json", tokenizer.special)
    with loaded(tokenizer, tmp_path / "a.gguf") as a, loaded(other, tmp_path / "b.gguf") as b:

        @settings(max_examples=150)
        @given(ANY_TEXT)
        def same(text: str) -> None:
            assert a.tokenize(text) == b.tokenize(text)

        same()


@pytest.mark.native
def test_merges_are_those_of_llama_cpp(tokenizer: Tokenizer, tmp_path: Path) -> None:
    merges = Merges(tokenizer)
    with loaded(tokenizer, tmp_path / "t.gguf") as model:

        @settings(max_examples=150)
        @given(ANY_TEXT)
        def same(text: str) -> None:
            whole = [
                model.piece(token)
                for token in model.tokenize(text)
                if kind_of(tokenizer, model.piece(token)) is gguf.TokenType.NORMAL
            ]
            assert [piece for piece in merges.pieces_of(text) if piece in tokenizer.pieces] == whole

        same()


def test_added_tokens_of_the_configuration_win(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes((folder / "tokenizer.model").read_bytes())
    decoder = {"6": {"content": "<soro>", "special": True}, "3001": {"content": "▁▁▁▁"}}
    config = {"added_tokens_decoder": decoder, "eos_token": "<end_of_turn>", "bos_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = read_tokenizer(tmp_path)
    assert kind_of(tokenizer, "<soro>") is gguf.TokenType.CONTROL
    assert (tokenizer.pieces[3001], tokenizer.kinds[3000]) == ("    ", gguf.TokenType.UNUSED)
    assert tokenizer.pieces[tokenizer.special.eos] == "<eos>"
    assert tokenizer.pieces[tokenizer.special.end_of_turn] == "<end_of_turn>"


def test_templates_are_found_where_checkpoints_have_them(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes((folder / "tokenizer.model").read_bytes())
    assert read_tokenizer(tmp_path).chat_template == GEMMA_TEMPLATE
    named = [{"name": "tools", "template": "no"}, {"name": "default", "template": "{{ 1 }}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    assert read_tokenizer(tmp_path).chat_template == "{{ 1 }}"
    (tmp_path / "chat_template.jinja").write_text("{{ 2 }}")
    read = read_tokenizer(tmp_path)
    assert (read.chat_template, read.template_source) == ("{{ 2 }}", "chat_template.jinja")


def test_merges_without_an_order_of_pieces_are_refused(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = write_tokenizer_json(tokenizer, tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    merges = content["model"]["merges"]
    pieces = ["".join(merge) for merge in merges]
    first = next(index for index in range(len(pieces)) if pieces[index] == pieces[index + 1])
    for broken in ([*merges[:first], *merges[first + 1 :], merges[first]], merges[:-1]):
        content["model"]["merges"] = broken
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(UnsupportedCheckpoint, match=r"tokenizer\.json merges '"):
            read_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing.txt", b"", "neither tokenizer.model nor tokenizer.json"),
        ("tokenizer.model", b"no model", "is not a SentencePiece model"),
        ("tokenizer.model", b"", "is not a SentencePiece model"),
        ("tokenizer.json", b"{", "tokenizer.json is no JSON"),
        ("tokenizer.json", b"[]", "holds no JSON object"),
        ("tokenizer.json", b'{"model": {"vocab": {}}}', "no BPE vocabulary with merges"),
        (
            "tokenizer.json",
            b'{"normalizer": null, "model": {"vocab": {}, "merges": []}, "added_tokens": []}',
            "not a tokenizer of the Gemma family",
        ),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((BadCheckpoint, UnsupportedCheckpoint), match=message) as raised:
        read_tokenizer(tmp_path)
    assert raised.value.hint


def test_a_vocabulary_without_its_bytes_or_turns_is_named(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = write_tokenizer_json(tokenizer, tmp_path)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace("<0x0A>", "<0xxx>"), encoding="utf-8")
    with pytest.raises(BadCheckpoint, match="lacks 1 of the 256 byte pieces, the first is 0x0A"):
        read_tokenizer(tmp_path)
    path.write_text(whole.replace("<end_of_turn>", "<end_of_talk>"), encoding="utf-8")
    with pytest.raises(BadCheckpoint, match="no piece <end_of_turn>"):
        read_tokenizer(tmp_path)


def test_pieces_and_rows_must_agree(tokenizer: Tokenizer) -> None:
    assert len(fit_to_embedding(tokenizer, 3064)) == 3000
    for rows in (2999, 3000 + 4097):
        with pytest.raises(BadCheckpoint, match=f"3,000 pieces, the embedding {rows:,} rows"):
            fit_to_embedding(tokenizer, rows)


def test_a_control_piece_past_the_rows_is_left_out(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = write_tokenizer_json(tokenizer, tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["added_tokens"].append({"id": 3000, "content": "<image_soft_token>", "special": True})
    path.write_text(json.dumps(content), encoding="utf-8")
    read = read_tokenizer(tmp_path)
    assert (len(read), len(fit_to_embedding(read, 3000))) == (3001, 3000)
