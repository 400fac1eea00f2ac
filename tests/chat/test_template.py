"""Laws of templates: what people write is never control, whatever the template does with it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.chat.template import Turn, render
from soro_edge.engine.api import Control, ModelInfo, Text
from soro_edge.model_errors import BadTemplate
from soro_edge.testing.scripted import GEMMA

CHATML = replace(
    GEMMA,
    architecture="llama",
    bos=None,
    eos="<|im_end|>",
    control_pieces=("<|im_start|>", "<|im_end|>"),
    chat_template="{% for message in messages %}<|im_start|>{{ message['role'] + '\n' + message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
)
NO_SYSTEM = replace(
    CHATML,
    chat_template="{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    + str(CHATML.chat_template),
)


def test_gemma_3_has_the_published_form() -> None:
    prompt = render([Turn(question="a", answer="b"), Turn(question="c")], "sys", GEMMA)
    written = "".join(p.piece if isinstance(p, Control) else p.text for p in prompt)
    assert written == (
        "<bos><start_of_turn>user\nsys\n\na<end_of_turn>\n<start_of_turn>model\nb<end_of_turn>\n"
        "<start_of_turn>user\nc<end_of_turn>\n<start_of_turn>model\n"
    )


def test_jinja_renders_control_and_text_apart() -> None:
    prompt = render([Turn(question="Салом")], "sys", CHATML)
    assert prompt[:4] == (
        Control("<|im_start|>"),
        Text("system\nsys"),
        Control("<|im_end|>"),
        Text("\n"),
    )
    assert prompt[-1] == Text("assistant\n")


@pytest.mark.parametrize("info", [GEMMA, CHATML, NO_SYSTEM], ids=["gemma", "chatml", "no system"])
@given(question=st.text(st.sampled_from("а<|>{}%im_endstartofturn \ue000\ue0010"), min_size=1))
def test_typed_control_pieces_are_text(info: ModelInfo, question: str) -> None:
    typed = question + "".join(info.control_pieces) + question
    plain = render([Turn(question="x")], "sys", info)
    prompt = render([Turn(question=typed)], "sys", info)
    assert [p for p in prompt if isinstance(p, Control)] == [
        p for p in plain if isinstance(p, Control)
    ]
    assert any(isinstance(p, Text) and typed.strip() in p.text for p in prompt)


def test_a_template_without_system_role_gets_it_in_the_first_question() -> None:
    prompt = render([Turn(question="q")], "sys", NO_SYSTEM)
    assert Text("user\nsys\n\nq") in prompt


@pytest.mark.parametrize(
    "source", [None, "{% for %}", "{{ messages.__class__.__mro__[1].__subclasses__() }}"]
)
def test_an_unusable_template_is_one_error(source: str | None) -> None:
    with pytest.raises(BadTemplate):
        render([Turn(question="q")], "", replace(CHATML, chat_template=source))
