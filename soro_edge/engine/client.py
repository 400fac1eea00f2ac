"""EngineProcess: starts, feeds and watches the worker. The Engine that the rest of the program sees.

The child may die at any time; that is noticed at the next read, told as EngineDied, and the next call
starts a new child. Knows processes and the wire, no llama.cpp and no conversation.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from soro_edge.engine.api import (
    EngineOptions,
    Finished,
    GenerationEvent,
    GenerationRequest,
    ModelInfo,
    Prefilled,
    Prompt,
    TextPiece,
)
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
    WireError,
    decode,
    encode,
)
from soro_edge.errors import (
    EngineDied,
    EngineDiedLoading,
    EngineSilent,
    StorageError,
    TooManyOpenFiles,
)
from soro_edge.files import open_private
from soro_edge.paths import make_folder, storage_error

CLOSE_SECONDS = 5.0
LOG_BYTES = 1_000_000
"""An engine log larger than this is begun anew."""

WORKER_COMMAND = (sys.executable, "-m", "soro_edge.engine.worker")


class EngineProcess:
    """An Engine in a child process. One caller at a time; `stop` may come from any thread."""

    def __init__(
        self,
        options: EngineOptions | Callable[[], EngineOptions],
        *,
        log_file: Path,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        # A function is asked at each start: what is free then decides.
        self._options = options if callable(options) else lambda: options
        self._log_file = log_file
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._info: ModelInfo | None = None
        self._forgets = False
        self._calling = threading.RLock()
        self._writing = threading.Lock()

    @property
    def process_id(self) -> int | None:
        """Of the child that runs now."""
        return self._child.pid if self._child else None

    def load(self, on_progress: Callable[[float], None] = lambda fraction: None) -> ModelInfo:
        with self._calling:
            if self._info is not None and self._alive():
                return self._info
            options = self._options()
            self._start()
            try:
                self._send(Load(options))
                info = self._await_loaded(on_progress)
            except EngineDied as error:
                raise EngineDiedLoading(**error.fields) from error
            self._info = info
            if self._forgets:
                self.forget()
            return info

    def _await_loaded(self, on_progress: Callable[[float], None]) -> ModelInfo:
        while True:
            match self._receive():
                case Loading(fraction):
                    on_progress(fraction)
                case Loaded(info):
                    return info
                case other:
                    raise self._nonsense(other)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        with self._calling:
            self.load()
            self._send(Count(tuple(prompts)))
            match self._receive():
                case Counted(tokens):
                    return list(tokens)
                case other:
                    raise self._nonsense(other)

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        with self._calling:
            self.load()
            self._send(Generate(request))
            whole = False
            try:
                while not whole:
                    reply = self._receive()
                    if not isinstance(reply, Prefilled | TextPiece | Finished):
                        raise self._nonsense(reply)
                    whole = isinstance(reply, Finished)
                    yield reply
            except GeneratorExit:
                if not whole:
                    self._drain()
                raise

    def prepare(self, prompt: Prompt, *, lasting: bool = False) -> None:
        if self._info is not None:
            with contextlib.suppress(EngineDied):
                self._send(Prepare(prompt, lasting))

    def forget(self) -> None:
        self._forgets = self._info is None
        if not self._forgets:
            with contextlib.suppress(EngineDied):
                self._send(Forget())

    def stop(self) -> None:
        with contextlib.suppress(EngineDied):
            self._send(Stop())

    def close(self) -> None:
        child, self._child, self._info = self._child, None, None
        if child is None:
            return
        if child.stdin:
            with contextlib.suppress(OSError):
                child.stdin.close()
        try:
            child.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()

    def _alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _start(self) -> None:
        self.close()
        with self._open_log() as log:
            try:
                self._child = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
                )
            except OSError as error:
                if isinstance(told := storage_error(error, self._log_file), TooManyOpenFiles):
                    raise told from error
                raise EngineSilent(reason=str(error)) from error

    def _open_log(self) -> BinaryIO:
        """Where nothing can be written, answers come all the same, and what the engine tells is lost."""
        try:
            make_folder(self._log_file.parent, private=True)
            large = self._log_file.exists() and self._log_file.stat().st_size > LOG_BYTES
            return open_private(self._log_file, "wb" if large else "ab")
        except (StorageError, OSError):
            return Path(os.devnull).open("wb")

    def _send(self, command: Command) -> None:
        child = self._child
        if child is None or child.stdin is None:
            return
        try:
            with self._writing:
                child.stdin.write(encode(command))
                child.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._death() from error

    def _receive(self) -> Reply:
        """The next reply. A Failed is raised as the error it tells of."""
        child = self._child
        line = child.stdout.readline() if child and child.stdout else b""
        if not line.endswith(b"\n"):
            raise self._death()
        try:
            reply = decode(line)
        except WireError as error:
            raise EngineSilent(reason=str(error)) from error
        if isinstance(reply, Failed):
            raise reply.error()
        if isinstance(reply, Load | Count | Generate | Prepare | Forget | Stop):
            raise self._nonsense(reply)
        return reply

    def _drain(self) -> None:
        """Nobody wants the rest of the answer: stop it, and read what was under way."""
        self.stop()
        while not isinstance(self._receive(), Finished):
            pass

    def _death(self) -> EngineDied:
        child = self._child
        code = child.wait(CLOSE_SECONDS) if child else None
        self.close()
        return EngineDied(cause=_cause(code))

    def _nonsense(self, reply: object) -> EngineSilent:
        self.close()
        return EngineSilent(reason=type(reply).__name__)


def _cause(code: int | None) -> str:
    """Why a process ended, from its exit code: a signal's name where there was one."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
