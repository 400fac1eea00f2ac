"""Laws of templates: what people write is never control, whatever the template does with it."""

import re
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert.vocabulary.tokenizer import GEMMA_TEMPLATE
from soro_edge.chat.template import Turn, render
from soro_edge.engine.api import Control, ModelInfo, Prompt, Text
from soro_edge.model_errors import BadTemplate, NoTemplate, TemplateDropsText
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


def asked(source: str | None, info: ModelInfo = CHATML, system: str = "sys") -> Prompt:
    turns = [Turn(question="савол", answer="ҷавоб"), Turn(question="дигар")]
    return render(turns, system, replace(info, chat_template=source))


def test_a_model_without_a_template_is_told() -> None:
    with pytest.raises(NoTemplate):
        asked(None)


HEADS = {
    "typed parts": "{% for part in m['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}",
    "either form": "{% if m.content is string %}{{ m.content }}{% else %}{{ m.content[0].text }}{% endif %}",
    "trimmed": "{{ m.content | trim }}",
    "generation": "{% generation %}{{ m.content }}{% endgeneration %}",
    "loop control": "{{ m.content }}{% if m.role == 'nobody' %}{% break %}{% endif %}",
    "continue": "{{ m.content }}{% if m.role == 'user' %}{% continue %}{% endif %}",
    "twice": "{{ m.content }} {{ m.content }}",
    "no tools": "{% if tools is not none %}{{ raise_exception('tools') }}{% endif %}{{ m.content }}",
    "tools that it runs through": "{% for tool in tools %}{{ tool }}{% endfor %}{{ m.content }}",
    "thoughts cut off": "{{ m.content.split('</think>')[-1] }}",
    "a day": "{{ strftime_now('%Y') }}{{ m.content }}",
}


@pytest.mark.parametrize("head", HEADS)
def test_whatever_way_a_template_takes_the_words_they_are_in_the_prompt(head: str) -> None:
    source = "{% for m in messages %}<|im_start|>" + HEADS[head] + "<|im_end|>{% endfor %}"
    told = "".join(part.text for part in asked(source) if isinstance(part, Text))
    assert re.fullmatch(r"\D*sys.*савол.*ҷавоб.*дигар.*", told, re.DOTALL) or head == "a day"
    assert all(word in told for word in ("sys", "савол", "ҷавоб", "дигар"))


@pytest.mark.parametrize(
    "body",
    [
        "{# nothing #}",
        "{{ messages[-1].content }}",
        "{% for m in messages %}{{ m.role }}{% endfor %}",
        "{% for m in messages | reverse %}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content[:200] }}{% endfor %}",
        "{% for m in messages %}{{ m.content | truncate(8, True, '') }}{% endfor %}",
        "{% for m in messages %}{{ m.content | reverse }}{% endfor %}",
        "{% for m in messages %}{{ m.content | wordwrap(80) }}{% endfor %}",
        "{% for m in messages %}{{ m.content | tojson | length }}{% endfor %}",
        "{% for m in messages %}{{ m.content.split() | length }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content[:20] }}{% endfor %}",
        "\ue0000\ue001\ue0001\ue001\ue0002\ue001",
        "{{ '\ue0007' ~ '\ue003' * 4000 ~ '\ue001' }}{% for m in messages %}{{ m.content }}{% endfor %}",
    ],
)
def test_a_template_that_loses_or_cuts_words_is_refused(body: str) -> None:
    with pytest.raises(TemplateDropsText):
        asked(body)


def test_a_system_text_that_the_template_leaves_out_leads_the_first_question() -> None:
    body = "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.content }}{% endfor %}"
    assert Text("sys\n\nсавол") in asked(body)


def test_spaces_that_the_template_writes_are_no_trimming() -> None:
    info = replace(CHATML, chat_template="{% for m in messages %} {{ m.content }} {% endfor %}")
    assert render([Turn(question="a\n")], "", info) == (Text(" a\n "),)
    info = replace(
        CHATML, chat_template="{% for m in messages %} {{ m.content | trim }} {% endfor %}"
    )
    assert render([Turn(question="a\n")], "", info) == (Text(" a "),)


def test_an_empty_control_piece_cuts_nothing() -> None:
    info = replace(CHATML, control_pieces=("", "<|im_start|>", "<|im_end|>"))
    assert asked(info.chat_template, info) == asked(CHATML.chat_template)


def test_long_conversations_are_rendered_as_short_ones() -> None:
    turns = [Turn(question=f"с{n}", answer=f"ҷ{n}") for n in range(20)]
    prompt = render([*turns, Turn(question="q")], "", CHATML)
    assert sum(part == Control("<|im_start|>") for part in prompt) == 42
    assert Text("user\nс19") in prompt and Text("assistant\nҷ0") in prompt


# Gemma 3

GEMMAS = {
    "google": (Path(__file__).parent / "templates" / "gemma3.jinja").read_text(encoding="utf-8"),
    "convert": GEMMA_TEMPLATE,
}


@pytest.mark.parametrize("name", GEMMAS)
def test_gemmas_form_in_code_is_what_its_template_renders(name: str) -> None:
    in_code = asked(GEMMAS[name], GEMMA)
    assert in_code == asked(None, GEMMA)
    assert in_code == asked("{# another #}" + GEMMAS[name], GEMMA)


def test_a_gemma_with_a_template_of_its_own_is_asked_in_that() -> None:
    who = "{{ 'Савол: ' if m.role == 'user' else 'Ҷавоб: ' }}"
    own = "{% for m in messages %}" + who + "{{ m.content }}{% endfor %}"
    prompt = asked(own, GEMMA, system="")
    assert prompt == (Control("<bos>"), Text("Савол: саволҶавоб: ҷавобСавол: дигар"))


# A stranger's template

HOSTILE = {
    "hangs": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a string a billion long": "{% set a = 'a' * 10**9 %}{{ a ~ a }}",
    "doubled sixty times": "{% set n = namespace(a='x' * 1000) %}"
    "{% for i in range(60) %}{% set n.a = n.a ~ n.a %}{% endfor %}",
    "centred": "{{ 'a'.center(10**9) }}",
    "indented": "{{ 'a\nb' | indent(10**9) }}",
    "formatted": "{{ '%1000000000d' | format(1) }}",
    "formatted another way": "{{ '{:>1000000000}'.format(1) }}",
    "joined": "{{ range(99999) | join('x' * 99999) }}",
    "replaced": "{{ ('a' * 99999).replace('', 'b' * 99999) }}",
    "a long number": "{{ 9 ** (9 ** 9) }}",
    "a huge range": "{{ range(10**12) | list }}",
    "much output": "{% for a in range(99999) %}{{ 'a' * 999 }}{% endfor %}",
    "lorem ipsum": "{{ lipsum(n=99999) }}",
    "a macro in itself": "{% macro f() %}{{ f() ~ f() }}{% endmacro %}{{ f() }}",
    "a loop in itself": "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "parentheses": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "blocks": "{% if true %}" * 300 + "{% endif %}" * 300,
    "division": "{{ 1 / 0 }}",
    "remainder": "{{ 1 // (messages | length - messages | length) }}",
    "pop": "{{ [].pop() }}",
    "index": "{{ messages[99].content }}",
    "format": "{{ '%d' % 'a' }}",
    "surrogate": "{{ '\\ud800' }}",
    "not Jinja": "{% for %}",
    "an unknown tag": "{% trans %}a{% endtrans %}",
    "another file": "{% include '/etc/passwd' %}",
    "a module": "{% import 'os' as os %}{{ os.getcwd() }}",
    "a parent": "{% extends 'x' %}",
    "classes": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "attributes": "{{ (''|attr('__class__')).mro() }}",
    "generators": "{{ (messages | map('upper')).gi_frame.f_back.f_globals }}",
    "too long": "{# " + "x" * (1 << 18) + " #}",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_template_is_one_error_and_soon(kind: str) -> None:
    began = time.process_time()
    with pytest.raises(BadTemplate) as caught:
        asked(HOSTILE[kind] + str(CHATML.chat_template))
    assert "\n" not in str(caught.value)
    # Of this process: what the template does is done, and paid, elsewhere.
    assert time.process_time() - began < 1.5


def test_a_template_runs_in_no_process_of_ours() -> None:
    """The screen's process keeps its memory, and what ran the template is gone."""
    before = {child.pid for child in psutil.Process().children()}
    rss = psutil.Process().memory_info().rss
    with pytest.raises(BadTemplate):
        asked("{% set a = 'b' * 10**9 %}{{ a ~ a }}")
    assert psutil.Process().memory_info().rss < rss + 50_000_000
    assert {child.pid for child in psutil.Process().children()} <= before


def test_where_no_process_can_be_started_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = "{# again #}" + str(CHATML.chat_template)
    with monkeypatch.context() as patched:
        patched.setattr("soro_edge.chat.rendering.COMMAND", ("/no/such/program",))
        with pytest.raises(BadTemplate):
            asked(source)
    assert asked(source) == asked(CHATML.chat_template)


def test_a_machine_without_time_for_a_template_says_nothing_of_the_template(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = "{# starved #}" + str(CHATML.chat_template)
    with monkeypatch.context() as patched:
        patched.setattr("soro_edge.chat.rendering._WALL_SECONDS", -1)
        with pytest.raises(BadTemplate, match="no answer"):
            asked(source)
    assert asked(source) == asked(CHATML.chat_template)
