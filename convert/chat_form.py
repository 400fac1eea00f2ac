"""Calibration lines as the conversations that an instruct model is used for.

Lines take turns as words of the user and of the model, in the checkpoint's own chat template, until a text
is long enough. What they say does not matter here: the control pieces and what follows them do. Knows
templates and tokens, no weights.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from convert.errors import BadCheckpoint
from convert.generation_config import ends_turns, read_generation_config
from convert.tokenizer import Tokenizer

Message = dict[str, str]
_DAY = datetime(2025, 9, 1)
"""Today, for a template that asks: the same checkpoint makes the same file on every day."""
_IN_TEMPLATES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a wrong expression in a template can end with."""


def is_instruct(folder: Path, tokenizer: Tokenizer) -> bool:
    """Whether a checkpoint with this full tokenizer was taught to chat: it has a template of its own, and
    where it says what ends a text, the end of a turn does. Raises BadCheckpoint."""
    end = tokenizer.special.end_of_turn
    return tokenizer.has_own_template and ends_turns(read_generation_config(folder), end)


def conversations(
    lines: Iterable[str],
    tokenizer: Tokenizer,
    tokenize: Callable[[str], list[int]],
    tokens: int,
) -> Iterator[list[int]]:
    """Conversations of exactly `tokens` tokens; `tokenize` knows control pieces. Raises BadCheckpoint."""
    render = _renderer(tokenizer)
    messages: list[Message] = []
    for line in lines:
        role = "assistant" if len(messages) % 2 else "user"
        messages.append({"role": role, "content": line})
        if role == "assistant":
            ids = tokenize(render(messages))
            if len(ids) >= tokens:
                yield ids[:tokens]
                messages = []


def _json(value: object, indent: int | None = None) -> str:
    """Unlike jinja's own filter it leaves letters and HTML's signs as they are."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _renderer(tokenizer: Tokenizer) -> Callable[[list[Message]], str]:
    """The template with what transformers gives it."""

    def raise_exception(reason: str) -> None:
        raise jinja2.TemplateError(reason)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = _DAY.strftime
    special = tokenizer.special
    tokens = {
        "bos_token": tokenizer.pieces[special.bos],
        "eos_token": tokenizer.pieces[special.eos],
    }

    def render(messages: list[Message]) -> str:
        try:
            template = environment.from_string(tokenizer.chat_template)
            return template.render(messages=messages, add_generation_prompt=False, **tokens)
        except (jinja2.TemplateError, *_IN_TEMPLATES) as error:
            raise BadCheckpoint(
                f"The chat template of {tokenizer.template_source} cannot be used: {error}.",
                "Copy the checkpoint's template again, or convert with `--calibration none`.",
            ) from error

    return render
