"""PreparedEngine: an Engine whose model file is checked before the first loading.

So a question may be asked while the model still loads: whoever needs the engine waits for the one
loading that is under way, and hears of its failure. Knows no screen and no conversation.
"""

import threading
from collections.abc import Callable, Iterator, Sequence

from soro_edge.chat.rendering import stop_rendering
from soro_edge.engine.api import Engine, GenerationEvent, GenerationRequest, ModelInfo, Prompt
from soro_edge.errors import SoroError

CHECK_SHARE = 0.3
"""Of the progress that is shown, the check of the file gets so much."""

OnProgress = Callable[[float], None]


class LeftError(Exception):
    """The person leaves: a check that is under way ends here."""


class PreparedEngine:
    """The engine inside, checked once. `load` may be called by several threads."""

    def __init__(self, engine: Engine, prepare: Callable[[OnProgress], None]) -> None:
        self._engine = engine
        self._prepare = prepare
        self._prepared = False
        self._loading = threading.Lock()
        self._tries = 0
        self._failure: SoroError | None = None
        self._leaving = threading.Event()

    def load(self, on_progress: OnProgress = lambda fraction: None) -> ModelInfo:
        """As Engine.load. Raises LeftError too."""
        tries = self._tries
        with self._loading:
            if self._failure and self._tries != tries:
                raise self._failure  # of the loading that this thread waited for
            try:
                self._failure = None
                return self._load(on_progress)
            except SoroError as error:
                self._failure = error
                raise
            finally:
                self._tries += 1

    def _load(self, on_progress: OnProgress) -> ModelInfo:
        def checked(fraction: float) -> None:
            if self._leaving.is_set():
                raise LeftError
            on_progress(fraction * CHECK_SHARE)

        def loaded(fraction: float) -> None:
            on_progress(begin + fraction * (1 - begin))

        begin = 0.0
        if not self._prepared:
            self._prepare(checked)
            self._prepared = True
            begin = CHECK_SHARE
        if self._leaving.is_set():
            raise LeftError
        return self._engine.load(loaded)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        return self._engine.count_tokens(prompts)

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        return self._engine.generate(request)

    def prepare(self, prompt: Prompt, *, lasting: bool = False) -> None:
        self._engine.prepare(prompt, lasting=lasting)

    def forget(self) -> None:
        self._engine.forget()

    def stop(self) -> None:
        self._engine.stop()

    def close(self) -> None:
        """Give everything back, also out of the middle of a check, a loading or a chat template."""
        self._leaving.set()
        stop_rendering()
        self._engine.close()
