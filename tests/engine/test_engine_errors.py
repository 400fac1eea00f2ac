"""Each way in which an engine fails has an error of its own, and promises nothing that cannot be."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from soro_edge.engine.api import EngineOptions, GenerationEvent, GenerationRequest, TextPiece
from soro_edge.engine.client import EngineProcess
from soro_edge.engine.llama import LlamaEngine
from soro_edge.engine.wire import Failed, Generate, decode, encode
from soro_edge.engine.worker import Worker
from soro_edge.errors import DecodeFailed, EngineDiedLoading, EngineFailed, SoroError


class FailingEngine:
    """Fails in the middle of its answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        yield TextPiece("Душанбе")
        raise self.error

    def read_ahead(self) -> bool:
        return False

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def told_of(error: Exception) -> SoroError:
    """What the screen's process is told when an answer fails so."""
    replies = io.BytesIO()
    worker = Worker(io.BytesIO(encode(Generate(GenerationRequest(prompt=())))), replies)
    worker._engine = cast(LlamaEngine, FailingEngine(error))
    worker.serve()
    failed = decode(replies.getvalue().splitlines()[-1])
    assert isinstance(failed, Failed)
    return failed.error()


def test_a_fault_in_an_answer_is_no_engine_that_did_not_start() -> None:
    error = told_of(ZeroDivisionError())
    assert type(error) is EngineFailed and error.exit_code == 5
    assert "failed: ZeroDivisionError" in str(error) and "did not start" not in str(error)


def test_a_failed_decode_is_no_model_that_could_not_be_loaded() -> None:
    error = told_of(DecodeFailed(status=-3))
    assert type(error) is DecodeFailed and error.exit_code == 5
    assert "could not compute the answer (llama_decode: -3)" in str(error)


@pytest.mark.skipif(sys.platform == "win32", reason="signals end processes there in another way")
def test_an_engine_that_dies_while_it_loads_is_not_said_to_start_anew(tmp_path: Path) -> None:
    dies = "import os, signal, sys; sys.stdin.readline(); os.kill(os.getpid(), signal.SIGABRT)"
    engine = EngineProcess(
        EngineOptions(model_path="m.gguf"),
        log_file=tmp_path / "engine.log",
        command=(sys.executable, "-c", dies),
    )
    with pytest.raises(EngineDiedLoading, match="while it was loaded") as caught:
        engine.load()
    assert "starts anew" not in caught.value.advice
