"""One engine, started with certain options, measured once: loading, prefill, decoding, memory.

Knows the engine's protocol; what is compared with what is for its callers.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from soro_edge.engine.api import (
    Control,
    EngineOptions,
    Finished,
    GenerationRequest,
    ModelInfo,
    Prompt,
    Sampling,
    Text,
)
from soro_edge.engine.client import EngineProcess

GREEDY = Sampling(temperature=0, repeat_penalty=1)
SENTENCE = "Once upon a time there was a school in the mountains. "


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one engine did."""

    load_seconds: float
    prefill_tokens_per_second: float
    tokens_per_second: float
    first_token_seconds: float
    peak_bytes: int
    """Of the engine's process; 0 where the system does not say."""


def text_prompt(info: ModelInfo, sentences: int) -> Prompt:
    """A plain text, begun as the model wants it."""
    text = Text(SENTENCE * sentences)
    return (Control(info.bos), text) if info.bos else (text,)


def run_trial(
    options: EngineOptions, log_file: Path, *, sentences: int = 12, tokens: int = 32
) -> Trial:
    """Start, load, read a text of so many sentences, write so many tokens, end."""
    engine = EngineProcess(options, log_file=log_file)
    try:
        began = time.perf_counter()
        info = engine.load()
        loaded = time.perf_counter()
        request = GenerationRequest(
            prompt=text_prompt(info, sentences), sampling=GREEDY, max_tokens=tokens
        )
        for event in engine.generate(request):
            if isinstance(event, Finished):
                counts = event.statistics
        return Trial(
            load_seconds=loaded - began,
            prefill_tokens_per_second=counts.prompt_tokens / counts.first_token_seconds,
            tokens_per_second=counts.tokens_per_second,
            first_token_seconds=counts.first_token_seconds,
            peak_bytes=peak_bytes(engine.process_id),
        )
    finally:
        engine.close()


def peak_bytes(process_id: int | None) -> int:
    """The most memory that a process has had so far."""
    import psutil

    if process_id is None:
        return 0
    status = Path(f"/proc/{process_id}/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    facts = psutil.Process(process_id).memory_info()
    return int(getattr(facts, "peak_wset", facts.rss))
