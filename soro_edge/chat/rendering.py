"""A chat template run in a process of its own, watched and ended when it takes too much.

What comes back says where the messages stand in the prompt; their text is put in by template.py. One run
serves conversations of several lengths, and is remembered. Knows no engine and no text of a conversation.
"""

import errno
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from soro_edge.chat.messages import Role
from soro_edge.manifest import printable
from soro_edge.model_errors import BadTemplate, TemplateDropsText, TemplateTooCostly

COMMAND = (sys.executable, "-m", "soro_edge.chat.template_process")
LONGEST_TEMPLATE_LETTERS = 1 << 18
_CPU_SECONDS = 6.0
"""The interpreter's start included; on Linux the process ends itself earlier."""
_WALL_SECONDS = 120.0
_MEMORY_BYTES = 300_000_000
_LOOK_SECONDS = 0.02
"""So often the process is looked at: in this time it can fill some 50 MB."""
_KNOWN_TEMPLATES = frozenset(
    {"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788"}  # SmolLM2's
)
"""SHA-256 of templates that were read and found harmless: no process is started for them."""
_running: set[subprocess.Popen[bytes]] = set()
_TURNS_AHEAD = 8
"""One run renders conversations of this many lengths: the next questions need no other."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the text of a message stands in a prompt."""

    message: int
    lstrip: bool
    """Whether the template trims the text's start."""
    rstrip: bool


Layout = tuple[str | Slot, ...]
"""A prompt with its messages left open."""


def layout(source: str, turns: int, *, system: bool, bos: str, eos: str) -> Layout:
    """The prompt for so many turns, the last without an answer, after a system message if `system`.

    Raises BadTemplate.
    """
    first = (turns - 1) // _TURNS_AHEAD * _TURNS_AHEAD
    try:
        layouts = _layouts(source, first + 1, system, bos, eos)
    except OSError as error:  # no process could be started: next time it may go better
        raise BadTemplate(reason=error.strerror or "?") from error
    if layouts is None:
        raise TemplateTooCostly
    chosen = layouts[turns - 1 - first]
    if isinstance(chosen, str):
        raise BadTemplate(reason=chosen) if chosen else TemplateDropsText
    return chosen


@functools.lru_cache(maxsize=64)
def _layouts(
    source: str, first: int, system: bool, bos: str, eos: str
) -> tuple[Layout | str, ...] | None:
    """Layouts for `first` turns and more, or the reason why there is none of that length. None where the
    template takes too much."""
    if len(source) > LONGEST_TEMPLATE_LETTERS:
        return None
    lengths = range(first, first + _TURNS_AHEAD)
    request = {
        "source": source,
        "bos_token": bos,
        "eos_token": eos,
        "conversations": [_roles(turns, system=system) for turns in lengths],
    }
    if hashlib.sha256(source.encode("utf-8")).hexdigest() in _KNOWN_TEMPLATES:
        from soro_edge.chat.template_process import answer

        return tuple(_layout(prompt) for prompt in answer(request))
    reply = _run(json.dumps(request).encode("ascii"))
    # Nothing, or half of a reply: it was ended, or crashed in a template too deep for the interpreter.
    return tuple(_layout(prompt) for prompt in json.loads(reply)) if reply.endswith(b"]") else None


def _roles(turns: int, *, system: bool) -> list[str]:
    asked: list[str] = [Role.USER, Role.ASSISTANT]
    return [*(["system"] if system else []), *asked * (turns - 1), Role.USER]


def _layout(prompt: Sequence[str | Sequence[int]] | str) -> Layout | str:
    if isinstance(prompt, str):
        return printable(prompt)
    return tuple(
        part if isinstance(part, str) else Slot(part[0], bool(part[1]), bool(part[2]))
        for part in prompt
    )


def _run(request: bytes) -> bytes:
    """What the process answers; nothing where it had to be ended. Raises OSError."""
    # In a group of its own: Ctrl-C in the terminal is not meant for it.
    with subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=None if os.name == "nt" else 0,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    ) as child:
        _running.add(child)
        try:
            reply = _watched(child, request)
            if child not in _running:  # what it would have said is not known
                raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
            return reply
        finally:
            _running.discard(child)
            child.kill()


def stop_rendering() -> None:
    """End whatever template runs now, from any thread: nobody waits for it any more."""
    while _running:
        _running.pop().kill()


def _watched(child: subprocess.Popen[bytes], request: bytes) -> bytes:
    import psutil  # here: most models need no process of this kind

    until = time.monotonic() + _WALL_SECONDS
    unsent: bytes | None = request
    while True:
        try:
            return child.communicate(unsent, timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            unsent = None
        try:
            process = psutil.Process(child.pid)
            times, memory_bytes = process.cpu_times(), process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
        if times.user + times.system > _CPU_SECONDS or memory_bytes > _MEMORY_BYTES:
            return b""
        if time.monotonic() > until:  # it computed little: the machine had no time for it
            raise TimeoutError(errno.ETIMEDOUT, f"no answer in {_WALL_SECONDS:.0f} s")
