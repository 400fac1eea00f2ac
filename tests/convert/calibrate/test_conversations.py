"""An instruct model is calibrated on conversations too, in its own form."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.calibrate.calibration_data import DEFAULT_TEXT, tokenized_texts
from convert.calibrate.conversations import conversations, is_instruct, require_askable
from convert.errors import BadCheckpoint
from convert.vocabulary.tokenizer import Tokenizer, read_tokenizer
from soro_edge.chat.template import Turn, render
from soro_edge.commands.convert import RuntimeTemplates
from soro_edge.engine.api import ModelInfo
from tests.convert.checkpoints import write_checkpoint
from tests.convert.conversions import Templates, convert_tiny, files

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
        text, tokenizer, most_tokens=8 * TOKENS, tokens_in_text=TOKENS, chat=Templates()
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

    found = list(conversations(["як", "ду", "се", "чор", "панҷ"], own, Templates(), tokenize, 30))
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

    assert not list(conversations(["<ӯ>", "ду"], own, Templates(), tokenize, 30))
    assert rendered == ['"<ӯ>"4']


@pytest.mark.parametrize("template", ["{% for %}", "{{ raise_exception('no') }}", "{{ 1 / 0 }}"])
def test_a_template_that_cannot_be_used_is_named(template: str, tokenizer: Tokenizer) -> None:
    broken = replace(tokenizer, chat_template=template)
    with pytest.raises(BadCheckpoint, match=r"template of tokenizer_config\.json cannot be used"):
        list(conversations(["як", "ду"], broken, Templates(), lambda words: [], 4))


def test_a_model_that_was_taught_to_chat_is_known(folder: Path, tmp_path: Path) -> None:
    tokenizer = read_tokenizer(folder)
    assert is_instruct(folder, tokenizer)
    assert not is_instruct(folder, replace(tokenizer, template_source="Gemma 3"))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 1}))
    assert not is_instruct(tmp_path, tokenizer)


GENERATION = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{% generation %}{{ m.content }}"
    "{% endgeneration %}{% endfor %}{% if add_generation_prompt %}<model>{% endif %}"
)
TYPED = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{% for part in m.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
)
LOOP = "{% for m in messages %}{{ m.content }}{% if loop.last %}{% break %}{% endif %}{% endfor %}"


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        (GENERATION, "<bos><user>як<assistant>ду"),
        (TYPED, "<bos><user>як<assistant>ду"),
        (LOOP, "якду"),
    ],
    ids=["generation", "typed", "break"],
)
def test_what_the_runtime_can_render_is_calibrated_on_and_passes(
    template: str, prompt: str, tokenizer: Tokenizer
) -> None:
    own = replace(tokenizer, chat_template=template)
    rendered: list[str] = []

    def tokenize(words: str) -> list[int]:
        rendered.append(words)
        return []

    assert not list(conversations(["як", "ду"], own, RuntimeTemplates(), tokenize, 30))
    assert rendered == [prompt]
    require_askable(own, RuntimeTemplates())
    info = ModelInfo(
        name="own",
        architecture="gemma3",
        description="",
        context_tokens=512,
        chat_template=template,
        control_pieces=("<bos>",),
        bos="<bos>",
        eos="<eos>",
    )
    assert "як" in str(render([Turn(question="як")], "", info))


@pytest.mark.parametrize(
    "template",
    ["{% for %}", "{{ 1 / 0 }}", "{{ raise_exception('no') }}", "Hello", "{{ messages[0].content[:3] }}",
     "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"],
)  # fmt: skip
def test_what_the_runtime_cannot_ask_is_refused(template: str, tokenizer: Tokenizer) -> None:
    broken = replace(tokenizer, chat_template=template)
    with pytest.raises(
        BadCheckpoint, match=r"template of tokenizer_config\.json cannot be used: ."
    ):
        require_askable(broken, RuntimeTemplates())


def test_the_converters_own_template_needs_no_trial(tokenizer: Tokenizer) -> None:
    without = replace(tokenizer, chat_template="{% for %}", template_source="Gemma 3")
    require_askable(without, RuntimeTemplates())


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_bad_template_is_told_before_the_work(
    calibrated: bool, tajik: Path, tmp_path: Path, output: Path
) -> None:
    folder = write_checkpoint(tmp_path / "model", layers=1).folder
    (folder / "chat_template.jinja").write_text("{% for %}")

    class Refusing(Templates):
        def refusal(self, source: str, *, bos: str, eos: str) -> str | None:
            return "a reason"

    with pytest.raises(BadCheckpoint, match=r"chat_template\.jinja cannot be used: a reason\."):
        convert_tiny(
            folder, output, templates=Refusing(), calibration=tajik if calibrated else None
        )
    assert not files(output.parent)
