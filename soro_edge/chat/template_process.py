"""The process in which a stranger's chat template is run: it may hang, fill the memory or crash there.

    stdin   {"source": Jinja, "bos_token": …, "eos_token": …, "conversations": [[role, …], …]}
    stdout  [[segment, …] | reason, …]: for each conversation its prompt, or why there is none; the reason is
            empty where the template did not give back every message, whole and in order
    segment "text", or [number of the message, trimmed at its start, trimmed at its end]

The template never sees what people wrote: a message is a placeholder, long enough that a template which cuts
its text is found out. Knows no engine, no tokens and no text of a conversation.
"""

import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime

from soro_edge.chat.jinja import chat_environment

CPU_SECONDS = 2
"""A template of the field takes some milliseconds; two loops of 99,999, one in the other, take an hour."""
MEMORY_BYTES = 400_000_000
"""All that the process may have, the interpreter's 40 MB included."""
WALL_SECONDS = 300.0
"""For where nothing else ends it: the program that started it was killed, on Windows."""
_LONGEST_PROMPT_LETTERS = 1_000_000
_PAD = "\u2003"
"""A space that no template writes: where it is gone, the template trims what it is given."""
_FILLER_LETTERS = 4000
_PLACEHOLDER = re.compile(
    f"({_PAD}?)\ue000([0-9]{{1,6}})\ue003{{{_FILLER_LETTERS}}}\ue001({_PAD}?)"
)
_REST_OF_PLACEHOLDER = re.compile("[\ue000-\ue003]")

_WAYS: tuple[tuple[bool, tuple[()] | None], ...] = (
    (False, None),
    (True, None),
    (False, ()),
    (True, ()),
)
"""How a template can want its messages, as text or as typed parts, and that there are no tools."""

Segment = str | tuple[int, bool, bool]
Messages = list[dict[str, object]]


def main() -> None:
    """Answer one request."""
    _limit()
    sys.stdout.write(json.dumps(answer(json.loads(sys.stdin.buffer.read()))))
    sys.stdout.flush()
    # What is left of a template's loops and numbers need not be tidied up.
    os._exit(0)


def answer(request: Mapping[str, object]) -> list[list[Segment] | str]:
    """The reply to a request."""
    conversations = request["conversations"]
    assert isinstance(conversations, list)
    try:
        environment = chat_environment(lambda form: datetime.now().strftime(form))
        template = environment.from_string(str(request["source"]))
    except Exception as error:  # noqa: BLE001 (whatever a template ends with is its own fault)
        return [_reason(error) for _roles in conversations]

    def prompt_of(roles: Sequence[str]) -> list[Segment] | str:
        reasons: list[str] = []
        for typed, tools in _WAYS:
            try:
                rendered = template.render(
                    messages=_messages(roles, typed=typed),
                    tools=tools,
                    add_generation_prompt=True,
                    bos_token=request["bos_token"],
                    eos_token=request["eos_token"],
                )
                rendered.encode("utf-8")  # a lone surrogate can be said in Jinja, and nowhere else
            except Exception as error:  # noqa: BLE001 (as above)
                reasons.append(_reason(error))
                continue
            prompt = _segments(rendered, len(roles))
            if prompt is not None:
                return prompt
            reasons.insert(0, "")
        return reasons[0]

    return [prompt_of(roles) for roles in conversations]


def _messages(roles: Sequence[str], *, typed: bool) -> Messages:
    """A conversation of placeholders; `typed` where the content is a list of typed parts."""
    messages: Messages = []
    filler = "\ue003" * _FILLER_LETTERS
    for number, role in enumerate(roles):
        text = f"{_PAD}\ue000{number}{filler}\ue001{_PAD}"
        content = [{"type": "text", "text": text}] if typed else text
        messages.append({"role": role, "content": content})
    return messages


def _segments(rendered: str, messages: int) -> list[Segment] | None:
    """A prompt cut at its placeholders; None where one is missing, cut or out of order."""
    prompt: list[Segment] = []
    seen: list[int] = []
    letters, end = 0, 0
    for match in _PLACEHOLDER.finditer(rendered):
        number = int(match[2])
        prompt.append(rendered[end : match.start()])
        prompt.append((number, not match[1], not match[3]))
        seen.append(number)
        end = match.end()
    prompt.append(rendered[end:])
    for segment in prompt:
        if isinstance(segment, str):
            letters += len(segment)
            if _REST_OF_PLACEHOLDER.search(segment):
                return None
    in_order = list(dict.fromkeys(seen)) == list(range(messages))
    return prompt if in_order and letters <= _LONGEST_PROMPT_LETTERS else None


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _limit() -> None:
    """Where the system offers it; whoever started this process watches it too."""
    watch = threading.Timer(WALL_SECONDS, os._exit, (1,))
    watch.daemon = True
    watch.start()
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
