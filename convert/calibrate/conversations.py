"""Calibration lines as the conversations that an instruct model is used for.

Lines take turns as words of the user and of the model, in the checkpoint's own chat template, until a text
is long enough. What they say does not matter here: the control pieces and what follows them do. Knows
templates and tokens, no weights; what a template may use is the runtime's to say.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import jinja2

from convert.checkpoint.generation_config import ends_turns, read_generation_config
from convert.errors import BadCheckpoint
from convert.vocabulary.tokenizer import Tokenizer

Message = dict[str, object]
_DAY = datetime(2025, 9, 1)
"""Today, for a template that asks: the same checkpoint makes the same file on every day."""
_IN_TEMPLATES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a wrong expression in a template can end with."""
_HINT = (
    "Correct the template, or remove it from the checkpoint: Gemma 3's own form is then written."
)


class ChatTemplates(Protocol):
    """The runtime's own handling of chat templates, which whoever calls the converter hands in.

    So a file that was made can be asked: no Jinja but the runtime's decides what a template may use.
    """

    def refusal(self, source: str, *, bos: str, eos: str) -> str | None:
        """Return why the runtime could not ask a model with this template, or None where it can."""
        ...

    def environment(self, strftime_now: Callable[[str], str]) -> jinja2.Environment:
        """Return the environment that the runtime renders chat templates in."""
        ...


def require_askable(tokenizer: Tokenizer, templates: ChatTemplates) -> None:
    """Raises BadCheckpoint where the runtime could not ask a model with the checkpoint's own template."""
    if not tokenizer.has_own_template:
        return
    reason = templates.refusal(tokenizer.chat_template, **_marks(tokenizer))
    if reason is not None:
        raise _unusable(tokenizer, reason)


def is_instruct(folder: Path, tokenizer: Tokenizer) -> bool:
    """Whether a checkpoint with this full tokenizer was taught to chat: it has a template of its own, and
    where it says what ends a text, the end of a turn does. Raises BadCheckpoint."""
    end = tokenizer.special.end_of_turn
    return tokenizer.has_own_template and ends_turns(read_generation_config(folder), end)


def conversations(
    lines: Iterable[str],
    tokenizer: Tokenizer,
    templates: ChatTemplates,
    tokenize: Callable[[str], list[int]],
    tokens: int,
) -> Iterator[list[int]]:
    """Conversations of exactly `tokens` tokens; `tokenize` knows control pieces. Raises BadCheckpoint."""
    render = _renderer(tokenizer, templates.environment(_DAY.strftime))
    contents: list[str] = []
    for line in lines:
        contents.append(line)
        if len(contents) % 2 == 0:
            ids = tokenize(render(contents))
            if len(ids) >= tokens:
                yield ids[:tokens]
                contents = []


def _renderer(tokenizer: Tokenizer, environment: jinja2.Environment) -> Callable[[list[str]], str]:
    """What makes a prompt of the user's and the model's words in turn."""
    tokens = {f"{role}_token": piece for role, piece in _marks(tokenizer).items()}

    def rendered(contents: list[str], *, typed: bool) -> str:
        template = environment.from_string(tokenizer.chat_template)
        messages = _messages(contents, typed=typed)
        return template.render(messages=messages, add_generation_prompt=False, **tokens)

    def render(contents: list[str]) -> str:
        """As the runtime does it: content as text, or as typed parts where the template wants those."""
        prompts: list[str] = []
        errors: list[Exception] = []
        for typed in (False, True):
            try:
                prompts.append(rendered(contents, typed=typed))
            except (jinja2.TemplateError, *_IN_TEMPLATES) as error:
                errors.append(error)
                continue
            if all(content.strip() in prompts[-1] for content in contents):
                return prompts[-1]
        if not prompts:
            raise _unusable(tokenizer, str(errors[0])) from errors[0]
        return prompts[0]

    return render


def _messages(contents: list[str], *, typed: bool) -> list[Message]:
    return [
        {
            "role": "assistant" if number % 2 else "user",
            "content": [{"type": "text", "text": content}] if typed else content,
        }
        for number, content in enumerate(contents)
    ]


def _marks(tokenizer: Tokenizer) -> dict[str, str]:
    """The pieces that begin and end a text."""
    special = tokenizer.special
    return {"bos": tokenizer.pieces[special.bos], "eos": tokenizer.pieces[special.eos]}


def _unusable(tokenizer: Tokenizer, reason: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"The chat template of {tokenizer.template_source} cannot be used: {reason.rstrip('.')}.",
        _HINT,
    )
