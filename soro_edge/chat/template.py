"""Messages to a prompt: control tokens from the template, everything a person wrote as plain text.

Gemma 3's form is written here in code; any other comes from the GGUF as Jinja, and rendering.py runs it in
a process of its own. The template never sees what people wrote: it lays out placeholders, whose texts are
put in here after the rest was split at the control tokens. So a typed `<end_of_turn>` stays text, in any
model.
Knows no engine and no tokens, only the control pieces that ModelInfo names.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from soro_edge.chat.rendering import Layout, Slot, layout
from soro_edge.engine.api import Control, ModelInfo, Prompt, Text
from soro_edge.model_errors import BadTemplate, NoTemplate, TemplateTooCostly


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question with its answer; the newest has none yet."""

    question: str
    answer: str | None = None


def render(turns: Sequence[Turn], system: str, info: ModelInfo) -> Prompt:
    """The prompt that makes the model `info` answer the last of `turns`. Raises BadTemplate."""
    source = info.chat_template or ""
    if info.architecture.startswith("gemma3") and (not source or _is_gemmas(source)):
        return _merge(_gemma3(turns, system, info))
    if not source:
        raise NoTemplate
    return _merge(_from_jinja(turns, system, info, source))


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


_GEMMA_TEMPLATES = frozenset(
    {
        "8d9e3a3c114fb2053ec500184677af4f7e5f8ec2582443cd535834e68b3ade29",
        "bd7e86dc23fec3ab4dfb384bdbd6806b12c062164ff11cc648f05fc08d3c7b05",
    }
)
"""SHA-256 of Google's template, and of the one that `soro convert` writes where a checkpoint has none: their
form is written here in code, which costs no Jinja and no process."""


def _is_gemmas(source: str) -> bool:
    return hashlib.sha256(source.strip().encode("utf-8")).hexdigest() in _GEMMA_TEMPLATES


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
    def laid_out(*, as_message: bool) -> Layout:
        return layout(source, len(turns), system=as_message, bos=info.bos or "", eos=info.eos or "")

    try:
        prompt, system_message = laid_out(as_message=bool(system)), bool(system)
    except TemplateTooCostly:
        raise
    except BadTemplate:
        if not system:
            raise
        # Templates without a system role refuse one, or leave it out: it then leads the first question.
        prompt, system_message = laid_out(as_message=False), False
    messages = _messages(turns, system, system_message=system_message)
    segments = _filled(prompt, messages, info.control_pieces)
    if info.bos and (not segments or segments[0] != Control(info.bos)):
        segments.insert(0, Control(info.bos))
    return segments


def _messages(turns: Sequence[Turn], system: str, *, system_message: bool) -> list[str]:
    """Their texts, in the order of the layout's messages."""
    messages = [system] if system_message else []
    before = system + "\n\n" if system and not system_message else ""
    for turn in turns:
        messages.append(before + turn.question)
        before = ""
        if turn.answer is not None:
            messages.append(turn.answer)
    return messages


def _filled(
    prompt: Layout, messages: Sequence[str], control_pieces: Sequence[str]
) -> list[Control | Text]:
    """Cut what the template wrote at its control tokens, and put people's texts in their places."""
    longest_first = sorted(filter(None, control_pieces), key=len, reverse=True)
    pattern = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
    known = frozenset(longest_first)
    segments: list[Control | Text] = []
    for part in prompt:
        if isinstance(part, Slot):
            text = messages[part.message]
            text = text.lstrip() if part.lstrip else text
            segments.append(Text(text.rstrip() if part.rstrip else text))
        else:
            pieces = pattern.split(part) if known else [part]
            segments += [
                Control(piece) if piece in known else Text(piece) for piece in pieces if piece
            ]
    return segments


def _merge(prompt: Sequence[Control | Text]) -> Prompt:
    """Join neighbouring texts, so that they are tokenized as the one text they are."""
    merged: list[Control | Text] = []
    for segment in prompt:
        if isinstance(segment, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + segment.text)
        elif segment != Text(""):
            merged.append(segment)
    return tuple(merged)
