"""The child process: commands come as lines on stdin, replies go as lines to stdout.

A thread reads stdin, so that Stop is heard while an answer is written; everything else waits in a
queue for the main loop, which reads ahead while the queue is empty. The parent's death closes stdin,
and the worker ends. Knows the wire, no llama.cpp: that is imported only when a model is to be loaded.
"""

import os
import queue
import signal
import threading
import time
import traceback
from typing import TYPE_CHECKING, BinaryIO

from soro_edge.engine.api import EngineOptions, GenerationRequest, TextPiece
from soro_edge.engine.hardware import lower_priority
from soro_edge.engine.wire import (
    Command,
    Count,
    Counted,
    Failed,
    Forget,
    Generate,
    Load,
    Loaded,
    Loading,
    Prepare,
    Reply,
    Stop,
    decode,
    encode,
)
from soro_edge.errors import EngineFailed, SoroError
from soro_edge.model_errors import ModelNotLoaded

if TYPE_CHECKING:
    from soro_edge.engine.llama import LlamaEngine

JOIN_SECONDS = 0.04
"""Words that come quicker than this are told together: each telling wakes the screen's process, which
takes a core from the model. No eye sees the difference."""


def main() -> None:
    """Serve the parent until it closes our stdin."""
    # Ctrl-C in the terminal reaches the whole process group; whether to stop is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lower_priority()
    # Native code may print: only the wire may write to the real stdout.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # A reader of our own: the interpreter closes sys.stdin at its end, under the listening thread.
    Worker(os.fdopen(os.dup(0), "rb"), replies).serve()


class Worker:
    """The loop between two pipes."""

    def __init__(self, commands: BinaryIO, replies: BinaryIO) -> None:
        self._commands = commands
        self._replies = replies
        self._engine: LlamaEngine | None = None
        self._waiting: queue.Queue[Command | None] = queue.Queue()
        # Answers asked for, begun, and the last one that was told to stop.
        self._asked = self._begun = self._stopped = 0

    def serve(self) -> None:
        """Until end of input."""
        threading.Thread(target=self._listen, daemon=True).start()
        while (command := self._next()) is not None:
            try:
                self._obey(command)
            except SoroError as error:
                self._say(Failed.of(error))
            except BrokenPipeError:
                return
            except Exception as error:  # noqa: BLE001 (the worker's edge: the parent must hear of it)
                traceback.print_exc()
                self._say(Failed.of(EngineFailed(reason=type(error).__name__)))
        if self._engine:
            self._engine.close()

    def _next(self) -> Command | None:
        """What is to be done next; while that is nothing, a step of reading ahead."""
        try:
            while self._waiting.empty() and self._engine and self._engine.read_ahead():
                pass
        except SoroError:
            # Nobody waits for it; when the same is asked in earnest, the error is told.
            traceback.print_exc()
        return self._waiting.get()

    def _listen(self) -> None:
        for line in self._commands:
            command = decode(line)
            if isinstance(command, Stop):
                self._stopped = self._asked
                if self._engine:
                    self._engine.stop()
            elif isinstance(command, Load | Count | Generate | Prepare | Forget):
                self._asked += isinstance(command, Generate)
                self._waiting.put(command)
        # The parent is gone: end the answer first, then the loop.
        if self._engine:
            self._engine.stop()
        self._waiting.put(None)

    def _obey(self, command: Command) -> None:
        match command:
            case Load(options):
                self._load(options)
            case Count(prompts):
                self._say(Counted(tuple(self._loaded().count_tokens(prompts))))
            case Generate(request):
                self._generate(request)
            case Prepare(prompt, lasting):
                if self._engine:
                    self._engine.prepare(prompt, lasting=lasting)
            case Forget():
                self._loaded().forget()
            case Stop():
                pass

    def _generate(self, request: GenerationRequest) -> None:
        engine = self._loaded()
        self._begun += 1
        held, said_at = "", 0.0
        for event in engine.generate(request):
            if self._stopped >= self._begun:
                engine.stop()  # Stop may have come before the answer began
            if isinstance(event, TextPiece):
                held += event.text
                # The first word is told at once: it is what a person waits for.
                if time.monotonic() - said_at < JOIN_SECONDS:
                    continue
                event, said_at = TextPiece(held), time.monotonic()
            elif held:
                self._say(TextPiece(held))
            held = ""
            self._say(event)

    def _load(self, options: EngineOptions) -> None:
        # Imported here: the child answers at once, and errors of the import are told as such.
        from soro_edge.engine.llama import LlamaEngine

        if self._engine:
            self._engine.close()
        self._engine = LlamaEngine(options)
        told = 0.0

        def tell(fraction: float) -> None:
            nonlocal told
            if fraction - told >= 0.01:
                told = fraction
                self._say(Loading(fraction))

        self._say(Loaded(self._engine.load(tell)))

    def _loaded(self) -> "LlamaEngine":
        if self._engine is None:
            raise ModelNotLoaded(reason="no model yet")
        return self._engine

    def _say(self, reply: Reply) -> None:
        self._replies.write(encode(reply))
        self._replies.flush()


if __name__ == "__main__":
    main()
