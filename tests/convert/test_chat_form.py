"""An instruct model is calibrated on conversations too, in its own form."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.chat_form import conversations, is_instruct
from convert.errors import BadCheckpoint
from convert.texts import DEFAULT_TEXT, tokenized_texts
from convert.tokenizer import Tokenizer, read_tokenizer
from tests.convert.checkpoints import write_checkpoint

TOKENS = 96


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("chat") / "model", layers=1).folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return read_tokenizer(folder)


@pytest.fixture(scope="module")
def text() -> str:
    return "\n".join(DEFAULT_TEXT.read_text(encoding="utf-8").splitlines()[:80])


@pytest.mark.native
def test_half_of_the_texts_show_the_templates_control_pieces(
    tokenizer: Tokenizer, text: str
) -> None:
    texts = tokenized_texts(
        text, tokenizer, most_tokens=8 * TOKENS, tokens_in_text=TOKENS, chat=True
    )
    ids = [tokenizer.pieces.index(piece) for piece in ("<start_of_turn>", "<end_of_turn>")]
    assert texts.calibrating.shape == (8, TOKENS)
    assert (texts.calibrating[:, 0] == tokenizer.special.bos).all()
    assert (texts.calibrating[:, 1:] != tokenizer.special.bos).all()
    assert not np.isin(texts.calibrating[:4], ids).any()
    assert not np.isin(texts.held, ids).any()
    for conversation in texts.calibrating[4:]:
        starts, ends = ((conversation == token).sum() for token in ids)
        assert starts >= 1
        assert starts - ends in (0, 1)


@pytest.mark.native
def test_a_base_model_sees_plain_text_alone(tokenizer: Tokenizer, text: str) -> None:
    texts = tokenized_texts(text, tokenizer, most_tokens=8 * TOKENS, tokens_in_text=TOKENS)
    assert not np.isin(texts.calibrating, [tokenizer.special.end_of_turn]).any()


def test_user_and_model_take_turns_in_the_templates_own_words(tokenizer: Tokenizer) -> None:
    own = replace(
        tokenizer,
        chat_template="{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}",
    )
    rendered: list[str] = []

    def tokenize(words: str) -> list[int]:
        rendered.append(words)
        return list(range(len(words)))

    found = list(conversations(["як", "ду", "се", "чор", "панҷ"], own, tokenize, 30))
    assert rendered == [
        "<bos>[user]як[assistant]ду",
        "<bos>[user]як[assistant]ду[user]се[assistant]чор",
    ]
    assert found == [list(range(30))]


def test_a_template_has_what_transformers_gives_it(tokenizer: Tokenizer) -> None:
    own = replace(
        tokenizer,
        chat_template="{% for m in messages %}{{ m.content | tojson }}{% break %}{% endfor %}"
        "{{ strftime_now('%Y') | length }}",
    )
    rendered: list[str] = []

    def tokenize(words: str) -> list[int]:
        rendered.append(words)
        return []

    assert not list(conversations(["<ӯ>", "ду"], own, tokenize, 30))
    assert rendered == ['"<ӯ>"4']


@pytest.mark.parametrize("template", ["{% for %}", "{{ raise_exception('no') }}", "{{ 1 / 0 }}"])
def test_a_template_that_cannot_be_used_is_named(template: str, tokenizer: Tokenizer) -> None:
    broken = replace(tokenizer, chat_template=template)
    with pytest.raises(BadCheckpoint, match=r"template of tokenizer_config\.json cannot be used"):
        list(conversations(["як", "ду"], broken, lambda words: [], 4))


def test_a_model_that_was_taught_to_chat_is_known(folder: Path, tmp_path: Path) -> None:
    tokenizer = read_tokenizer(folder)
    assert is_instruct(folder, tokenizer)
    assert not is_instruct(folder, replace(tokenizer, template_source="Gemma 3"))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 1}))
    assert not is_instruct(tmp_path, tokenizer)
