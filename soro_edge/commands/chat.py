"""`soro chat`: the tutor as plain lines, for old consoles and screen readers. No colours, no cursor."""

import contextlib
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from types import FrameType

import click

from soro_edge.chat.endings import how_it_ended
from soro_edge.chat.letters import LONGEST_INPUT_BYTES, too_long
from soro_edge.chat.session import Answered, ChatEvent, ChatSession, NotSaved, TurnsDropped
from soro_edge.commands.models import progress_bar
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.engine.api import TextPiece
from soro_edge.errors import Interrupted, NotUtf8, SoroError, StorageError
from soro_edge.locale import _
from soro_edge.models import check_memory


def run_chat(program: Program, answer: AnswerOptions, *, typed: str = "") -> int:
    """Read questions until an empty line or the end of input; the exit code.

    `typed` is the beginning of the first one, which was read from the terminal already.
    """
    program.check_history_writable()
    manifest = program.manifest(answer.model)
    file = program.models.check(manifest)
    check_memory(manifest, file, program.context_tokens(manifest))
    history = program.told_history()
    engine = program.engine(manifest)
    try:
        click.echo(_("loading…"), err=True)
        with progress_bar(manifest.title, manifest.size_bytes) as advance:
            engine.load(advance)
        session = ChatSession(
            engine=engine,
            log=history.new_conversation(),
            options=program.chat_options(manifest, answer),
        )
        click.echo(
            _("Write a question and press Enter. An empty line ends. Ctrl+C stops an answer.")
        )
        return _converse(session, typed)
    except KeyboardInterrupt:
        raise Interrupted from None
    finally:
        engine.close()
        history.close()


def _converse(session: ChatSession, typed: str = "") -> int:
    code = 0
    while True:
        session.prepare()
        try:
            question, typed = _read_line(typed), ""
        except NotUtf8 as error:
            code = _tell(error)
            continue
        if not question:
            return code
        try:
            code = _print_answer(session.ask(question), session)
        except SoroError as error:
            code = _tell(error)


def _tell(error: SoroError) -> int:
    click.echo(f"{error}\n{error.advice}", err=True)
    return error.exit_code


def _read_line(typed: str = "") -> str:
    """One question without its line end; empty at the end of input.

    Raises NotUtf8, after which the next line can be read, and InputTooLong, after which none can.
    """
    sys.stdout.write("\n> " + typed)
    sys.stdout.flush()
    line = typed.encode()
    if not typed.endswith("\n"):
        line += sys.stdin.buffer.readline(LONGEST_INPUT_BYTES + 1)
    if len(line) > LONGEST_INPUT_BYTES:
        raise too_long()
    try:
        # Windows' shells put a byte-order mark before what they pipe.
        return line.decode("utf-8").strip().lstrip("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise NotUtf8(position=error.start) from None


def _print_answer(events: Generator[ChatEvent, None, None], session: ChatSession) -> int:
    """Print as it comes; Ctrl-C stops the answer and the conversation goes on. The exit code.

    A second Ctrl-C raises KeyboardInterrupt: the engine may hang, and then never hears the first.
    """
    unsaved: StorageError | None = None
    try:
        with _ctrl_c_stops(session) as stopped:
            for event in events:
                if stopped.is_set():
                    session.stop()  # once more: the engine forgets one that comes before its answer
                match event:
                    case TextPiece(text):
                        sys.stdout.write(text)
                        sys.stdout.flush()
                    case TurnsDropped():
                        click.echo(
                            _(
                                "The oldest turns no longer fit: the model does not see them any more."
                            )
                        )
                    case NotSaved(error):
                        unsaved = error  # told after the answer, not in the middle of it
                    case Answered(state=state, saved=saved):
                        sys.stdout.write("\n")
                        if ending := how_it_ended(state):
                            click.echo(f"({ending})")
                        if unsaved and not saved:
                            return _tell(unsaved)
                    case _:
                        pass
        return 0
    finally:
        events.close()


@contextlib.contextmanager
def _ctrl_c_stops(session: ChatSession) -> Iterator[threading.Event]:
    """In here the first Ctrl-C asks for the answer's end and interrupts nothing; the event tells of it."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()
        # In a thread: the line that the signal interrupts may hold the engine's lock.
        threading.Thread(target=session.stop, daemon=True).start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
