"""The worker as a process of its own, whose answers wait after each word until Stop came through the pipe."""

import threading
from collections.abc import Iterator

from soro_edge.engine import llama, worker
from soro_edge.engine.api import EngineOptions, GenerationEvent, GenerationRequest, TextPiece

_LOST_SECONDS = 60.0
"""A Stop that is lost ends no answer: then the test must fail, and not wait for ever."""


class GatedEngine(llama.LlamaEngine):
    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options)
        self._gate = threading.Event()

    def stop(self) -> None:
        super().stop()
        self._gate.set()

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        for event in super().generate(request):
            yield event
            if isinstance(event, TextPiece):
                self._gate.wait(_LOST_SECONDS)


if __name__ == "__main__":
    llama.LlamaEngine = GatedEngine  # type: ignore[misc]
    worker.main()
