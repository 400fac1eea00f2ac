"""Gives bad inputs of one kind to the program: `python -m tests.fuzz.trials KIND FIRST COUNT`.

A process of its own, so that its memory can be limited. Whatever is raised must be an error that the program
shows as a sentence. Prints a line for each fault; the exit code is 1 if there is one.
"""

import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from soro_edge.errors import HistoryDamaged, SoroError
from tests.fuzz import inputs

if TYPE_CHECKING:
    from soro_edge.history.store import History

MOST_BYTES = 1 << 30
MOST_SECONDS = 20.0


def main() -> int:
    kind, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        attempt = KINDS[kind](Path(folder))
        _limit_memory()
        for number in range(first, first + count):
            began = time.process_time()
            try:
                attempt(number)
            except TOLD.get(kind, ()):
                pass
            except Exception as error:  # noqa: BLE001 (every uncaught one is a finding)
                faults += 1
                print(f"{kind} {number}: {type(error).__name__}: {error}", flush=True)
                traceback.print_exc()
            seconds = time.process_time() - began
            if seconds > MOST_SECONDS:
                faults += 1
                print(f"{kind} {number}: {seconds:.0f} s", flush=True)
    return 1 if faults else 0


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


Attempt = Callable[[int], None]


def _gguf(folder: Path) -> Attempt:
    return lambda number: _read_model(inputs.write(folder / "m.gguf", inputs.typed_gguf(number)))


def _header(folder: Path) -> Attempt:
    from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3

    whole = write_tiny_gemma3(folder / "tiny.gguf").read_bytes()
    return lambda number: _read_model(
        inputs.write(folder / "m.gguf", inputs.damaged(whole, number, within=20_000))
    )


def _read_model(path: Path) -> None:
    """All that the program does with a file before it is loaded."""
    from soro_edge.engine.api import EngineOptions
    from soro_edge.gguf_header import read_header
    from soro_edge.memory import fit_memory, plan_memory
    from soro_edge.models import check_chat_model, manifest_of
    from soro_edge.stick.old_processors import model_family, token_microseconds

    header = read_header(path)
    model_family(header)
    token_microseconds(header)
    options = EngineOptions(model_path=str(path))
    plan = plan_memory(header, fit_memory(header, options, 1_000_000_000))
    if plan.total_bytes < 0:
        raise AssertionError(f"{plan.total_bytes} bytes")
    manifest_of(path)
    check_chat_model(header, path)


def _manifest(folder: Path) -> Attempt:
    from soro_edge.manifest import read_manifest, write_manifest

    def attempt(number: int) -> None:
        path = inputs.write(folder / "m.toml", inputs.manifest(number))
        manifest = read_manifest(path)
        path.write_text(write_manifest(manifest), encoding="utf-8")
        if read_manifest(path) != manifest:
            raise AssertionError("what was written is not what was read")

    return attempt


def _template(_folder: Path) -> Attempt:
    from soro_edge.chat.template import Turn, render
    from soro_edge.engine.api import ModelInfo

    def attempt(number: int) -> None:
        info = ModelInfo(
            name="x",
            architecture="llama",
            description="",
            context_tokens=512,
            chat_template=inputs.template(number),
            control_pieces=("<start_of_turn>", "<end_of_turn>"),
            bos="<bos>",
            eos="<eos>",
        )
        question = "Пойтахти Тоҷикистон кадом шаҳр аст?"
        prompt = render([Turn(question=question)], "", info)
        if question not in "".join(getattr(part, "text", "") for part in prompt):
            raise AssertionError("the question is not in the prompt")

    return attempt


def _history(folder: Path) -> Attempt:
    from tests.history.damages import fill

    source = folder / "source"
    source.mkdir()
    fill(source / "history.sqlite3")
    before = _read_history(source / "history.sqlite3")
    files = {path.name: path.read_bytes() for path in source.iterdir() if path.is_file()}

    def attempt(number: int) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            for file, data in files.items():
                (Path(name) / file).write_bytes(data)
            main = Path(name) / "history.sqlite3"
            main.write_bytes(inputs.damaged(main.read_bytes(), number))
            try:
                after = _read_history(main)
            except HistoryDamaged:
                # Met while reading and told; the next start checks the whole file and mends it.
                after = _read_history(main)
            if after < before:
                raise AssertionError(f"{before - after} of {before} messages are lost")

    return attempt


def _read_history(path: Path) -> int:
    """How many messages there are."""
    from soro_edge.history.store import History

    with History.open(path) as history:
        return _counted(history)


def _counted(history: "History") -> int:
    conversations = history.conversations(limit=1000)
    return sum(len(history.messages(conversation.id)) for conversation in conversations)


TOLD: dict[str, tuple[type[Exception], ...]] = dict.fromkeys(
    ("gguf", "header", "manifest", "template"), (SoroError,)
)
"""What may be raised: a sentence that the program shows. A history must be readable in the end."""
KINDS: dict[str, Callable[[Path], Attempt]] = {
    "gguf": _gguf,
    "header": _header,
    "manifest": _manifest,
    "template": _template,
    "history": _history,
}

if __name__ == "__main__":
    raise SystemExit(main())
