"""`soro ask`: one question, one answer on stdout, nothing else there."""

import json
import sys

from soro_edge.chat.letters import LONGEST_INPUT_BYTES, can_be_seen, too_long
from soro_edge.chat.memory_log import MemoryLog
from soro_edge.chat.messages import AnswerState, MessageLog
from soro_edge.chat.session import Answered, ChatSession, NotSaved
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.engine.api import TextPiece
from soro_edge.errors import EmptyQuestion, Interrupted, NotUtf8, StorageError, UnusableAnswer
from soro_edge.models import check_memory

_UNUSABLE = (AnswerState.EMPTY, AnswerState.LOOPED)


def run_ask(
    program: Program, question: str, answer: AnswerOptions, *, as_json: bool, keep: bool
) -> int:
    """Stream the answer; the exit code. Raises SoroError."""
    question = _with_standard_input(question)
    if not can_be_seen(question):
        raise EmptyQuestion
    if keep:
        program.check_history_writable()
    manifest = program.manifest(answer.model)
    file = program.models.check(manifest)
    check_memory(manifest, file, program.context_tokens(manifest))
    history = program.told_history() if keep else None
    engine = program.engine(manifest, saves_states=False)
    try:
        log: MessageLog = history.new_conversation() if history else MemoryLog()
        options = program.chat_options(manifest, answer)
        session = ChatSession(engine=engine, log=log, options=options)
        answered, unsaved = _stream(session, question, silent=as_json, keep=keep)
        if as_json:
            print(json.dumps(_as_json(answered, manifest.name), ensure_ascii=False))
        if answered.state in _UNUSABLE:
            raise UnusableAnswer
        if unsaved and not answered.saved:
            raise unsaved
        return 0
    finally:
        engine.close()
        if history:
            history.close()


def _stream(
    session: ChatSession, question: str, *, silent: bool, keep: bool
) -> tuple[Answered, StorageError | None]:
    """Print as it comes; the end, and what kept the history from being written."""
    events = session.ask(question)
    unsaved: StorageError | None = None
    try:
        for event in events:
            match event:
                case TextPiece(text) if not silent:
                    sys.stdout.write(text)
                    sys.stdout.flush()
                case NotSaved(error):
                    unsaved = error  # told after the answer, not in the middle of it
                case Answered():
                    if not silent:
                        sys.stdout.write("\n")
                    return event, unsaved
                case _:
                    pass
    except KeyboardInterrupt:
        events.close()
        if unsaved:
            raise unsaved from None
        if keep:
            raise Interrupted from None
        raise
    finally:
        # An error or a closed pipe: what was written is stored on the way out.
        events.close()
    raise AssertionError("an answer ends with Answered")


def _with_standard_input(question: str) -> str:
    """The question, followed by what was piped in."""
    if sys.stdin is None or sys.stdin.isatty():
        return question
    data = sys.stdin.buffer.read(LONGEST_INPUT_BYTES + 1)
    if len(data) > LONGEST_INPUT_BYTES:
        raise too_long()
    try:
        piped = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise NotUtf8(position=error.start) from None
    return "\n\n".join(part for part in (question, piped) if part)


def _as_json(answered: Answered, model: str) -> dict[str, str | int | float]:
    counts = answered.statistics
    return {
        "model": model,
        "text": answered.text,
        "finish_reason": answered.reason.value,
        "state": answered.state.value,
        "prompt_tokens": counts.prompt_tokens,
        "generated_tokens": counts.generated_tokens,
        "first_token_seconds": round(counts.first_token_seconds, 4),
        "tokens_per_second": round(counts.tokens_per_second, 2),
    }
