"""Messages to a prompt: control tokens from the template, everything a person wrote as plain text.

Gemma 3's form is written here in code; any other model's comes from its GGUF as Jinja and is rendered
in a sandbox. The template never sees what people wrote: it renders placeholders, which are replaced
after its output was split at the control tokens. So a typed `<end_of_turn>` stays text, in any model.
Knows no engine and no tokens, only the control pieces that ModelInfo names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from soro_edge.chat.messages import Role
from soro_edge.engine.api import Control, ModelInfo, Prompt, Text
from soro_edge.model_errors import BadTemplate

_PLACEHOLDER = "\ue000{}\ue001"
_PLACEHOLDER_PATTERN = re.compile("( ?)\ue000([0-9]+)\ue001( ?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question with its answer; the newest has none yet."""

    question: str
    answer: str | None = None


def render(turns: Sequence[Turn], system: str, info: ModelInfo) -> Prompt:
    """The prompt that makes the model `info` answer the last of `turns`. Raises BadTemplate."""
    if info.architecture.startswith("gemma3"):
        return _merge(_gemma3(turns, system, info))
    if not info.chat_template:
        raise BadTemplate(reason="there is none in the file")
    return _merge(_from_jinja(turns, system, info, info.chat_template))


_CUT = "\ue002"
"""Stands where a question goes on; no keyboard writes it."""


def render_beginning(turns: Sequence[Turn], system: str, info: ModelInfo, draft: str) -> Prompt:
    """What the prompt begins with whatever follows `draft` in the next question. Raises BadTemplate."""
    whole = render([*turns, Turn(question=draft + _CUT)], system, info)
    beginning: list[Control | Text] = []
    for part in whole:
        if isinstance(part, Text) and _CUT in part.text:
            before = part.text.partition(_CUT)[0]
            return (*beginning, Text(before)) if before else tuple(beginning)
        beginning.append(part)
    return ()


def _gemma3(turns: Sequence[Turn], system: str, info: ModelInfo) -> list[Control | Text]:
    """Gemma 3's chat form: roles `user` and `model`, the system text before the first question."""
    start, end = Control("<start_of_turn>"), Control("<end_of_turn>")
    prompt: list[Control | Text] = [Control(info.bos)] if info.bos else []
    before = system.strip() + "\n\n" if system.strip() else ""
    for turn in turns:
        prompt += [start, Text(f"user\n{before}{turn.question.strip()}"), end, Text("\n")]
        prompt += [start, Text("model\n")]
        if turn.answer is not None:
            prompt += [Text(turn.answer.strip()), end, Text("\n")]
        before = ""
    return prompt


def _from_jinja(
    turns: Sequence[Turn], system: str, info: ModelInfo, source: str
) -> list[Control | Text]:
    contents: list[str] = []

    def message(role: str, text: str) -> dict[str, str]:
        contents.append(text)
        # Spaces around it show whether the template trims what it is given.
        return {"role": role, "content": f" {_PLACEHOLDER.format(len(contents) - 1)} "}

    def conversation(system_text: str, first_prefix: str) -> list[dict[str, str]]:
        contents.clear()
        messages = [message("system", system_text)] if system_text else []
        for turn in turns:
            messages.append(message(Role.USER, first_prefix + turn.question))
            first_prefix = ""
            if turn.answer is not None:
                messages.append(message(Role.ASSISTANT, turn.answer))
        return messages

    try:
        rendered = _run_jinja(source, conversation(system, ""), info)
    except BadTemplate:
        if not system:
            raise
        # Templates without a system role refuse one: the text then leads the first question.
        rendered = _run_jinja(source, conversation("", system + "\n\n"), info)
    segments = _split(rendered, contents, info.control_pieces)
    if info.bos and (not segments or segments[0] != Control(info.bos)):
        segments.insert(0, Control(info.bos))
    return segments


def _run_jinja(source: str, messages: list[dict[str, str]], info: ModelInfo) -> str:
    # Imported here: Gemma 3 does not need it, and the first paint is quicker without.
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(reason: str) -> NoReturn:
        raise jinja2.TemplateError(reason)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    try:
        return environment.from_string(source).render(
            messages=messages,
            add_generation_prompt=True,
            bos_token=info.bos or "",
            eos_token=info.eos or "",
        )
    except (jinja2.TemplateError, TypeError, ValueError, OverflowError) as error:
        raise BadTemplate(reason=str(error).splitlines()[0] if str(error) else "?") from error


def _split(
    rendered: str, contents: Sequence[str], control_pieces: Sequence[str]
) -> list[Control | Text]:
    """Cut a rendered template at its control tokens, then put people's texts in their places."""

    def fill(found: re.Match[str]) -> str:
        text = contents[int(found[2])]
        return text if found[1] and found[3] else text.strip()

    longest_first = sorted(control_pieces, key=len, reverse=True)
    pattern = "|".join(re.escape(piece) for piece in longest_first)
    parts = re.split(f"({pattern})", rendered) if pattern else [rendered]
    known = frozenset(control_pieces)
    return [
        Control(part) if part in known else Text(_PLACEHOLDER_PATTERN.sub(fill, part))
        for part in parts
        if part
    ]


def _merge(prompt: Sequence[Control | Text]) -> Prompt:
    """Join neighbouring texts, so that they are tokenized as the one text they are."""
    merged: list[Control | Text] = []
    for segment in prompt:
        if isinstance(segment, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + segment.text)
        elif segment != Text(""):
            merged.append(segment)
    return tuple(merged)
