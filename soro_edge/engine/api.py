"""The engine's protocol and its values: what goes in (a prompt), what comes out (text, statistics).

Knows no llama.cpp, no process, no conversation. Standard library only, so that the screen's process
can import it for nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Control:
    """One control token, named by its piece: `<start_of_turn>`."""

    piece: str


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text, tokenized without looking for control tokens whatever it contains."""

    text: str


Prompt = tuple[Control | Text, ...]
"""What the model reads, in order. Who writes it decides what is control; the engine never guesses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen. Field names are llama.cpp's."""

    temperature: float = 0.5
    """0 takes the most probable token always (greedy, repeatable)."""
    top_k: int = 64
    """Only the k most probable tokens; 0 turns it off."""
    top_p: float = 0.95
    """Only the most probable tokens that together reach this probability; 1 turns it off."""
    min_p: float = 0.05
    """Only tokens at least this fraction as probable as the best; 0 turns it off."""
    repeat_penalty: float = 1.1
    """Divides the logits of tokens seen lately; 1 turns it off. Greedy decoding uses it too."""
    repeat_last_tokens: int = 64
    """How far back the penalty looks."""
    seed: int | None = None
    """Same seed, same answer; None draws one."""


class LoadMode(StrEnum):
    """How the weights come into memory."""

    READ = "read"
    """In order, once: what a slow disk does best, and pages that nobody can take away."""
    MAP = "map"
    """Page by page, as they are needed: starts at once, and two programs share them."""
    LOCK = "lock"
    """Read, and kept out of the swap where the system allows it."""


class KvCacheType(StrEnum):
    """The type in which the KV cache holds keys and values."""

    AUTO = "auto"
    """F16 where the CPU backend converts F16 in hardware (the feature F16C), otherwise F32."""
    F16 = "f16"
    """Two bytes a value."""
    F32 = "f32"
    """Four bytes a value: exact, and quick on processors that convert F16 in software."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the engine is started with."""

    model_path: str
    context_tokens: int = 2048
    """Length of the context window."""
    threads: int | None = None
    """Threads for decoding; None lets the engine choose."""
    prefill_threads: int | None = None
    """Threads for prefill; None takes as many as for decoding."""
    prefill_batch_tokens: int = 64
    """Tokens prefilled at once: more are quicker and need a larger buffer."""
    kv_cache_type: KvCacheType = KvCacheType.AUTO
    flash_attention: bool | None = None
    """None turns it on where the CPU backend converts F16 in hardware, and off elsewhere: without that
    plain attention decodes two to three times as fast."""
    load_mode: LoadMode = LoadMode.READ
    repack: bool = True
    """Weights laid out anew for this processor: quicker, and with MAP a second copy of them."""
    checkpoint_bytes: int = 24_000_000
    """Memory for the ways back to earlier turns."""
    states_folder: str = ""
    """Where prompt states are saved; empty saves none."""
    states_bytes: int = 300_000_000
    """All of them together; the oldest go first. 0 reads them and saves none."""
    model_sha256: str = ""
    """What saved states are bound to; empty saves none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One answer to be written."""

    prompt: Prompt
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 1024
    """At most so many tokens in the answer; the context window bounds it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What the loaded model says of itself."""

    name: str
    architecture: str
    """As in the GGUF: `gemma3`, `llama`."""
    description: str
    """llama.cpp's own line: family, size, quantization."""
    context_tokens: int
    """Of the context in use, not of the training."""
    chat_template: str | None
    """Jinja source from the GGUF."""
    control_pieces: tuple[str, ...]
    """The control tokens that a prompt may name."""
    bos: str | None
    """Piece that begins every prompt, None where the model wants none."""
    eos: str | None
    variant: str = ""
    """Which of llama.cpp's builds for several processors runs: `haswell`; empty where there is but one."""
    f16_in_hardware: bool = True
    """Whether the CPU backend that was loaded converts F16 in hardware."""
    kv_cache_type: KvCacheType = KvCacheType.F16
    """The one in use: F16 or F32."""
    flash_attention: bool = True
    """Whether it is in use; llama.cpp may still refuse it for a model that it does not suit."""


class FinishReason(StrEnum):
    """Why an answer ended."""

    END = "end"
    """The model ended its turn."""
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    STOPPED = "stopped"
    """A person pressed Stop."""
    LOOP = "loop"
    """It repeated itself; the guard ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counts and times of one answer; seconds are of a monotonic clock in the engine."""

    prompt_tokens: int
    reused_tokens: int
    """Of the prompt's tokens, so many were already in the KV cache."""
    generated_tokens: int
    first_token_seconds: float
    """From the request's arrival to the first token."""
    decode_seconds: float
    """From the first token to the last."""
    context_tokens: int
    """Length of the context window, of which prompt + generated are used."""

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed; 0 where fewer than two tokens came."""
        if self.decode_seconds <= 0:
            return 0.0
        return (self.generated_tokens - 1) / self.decode_seconds

    @property
    def context_used(self) -> float:
        """Fraction of the context window in use, 0 to 1."""
        return min(1.0, (self.prompt_tokens + self.generated_tokens) / self.context_tokens)


@dataclass(frozen=True, slots=True)
class Prefilled:
    """Progress of reading the prompt."""

    done_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Some more of the answer: complete letters, one or more tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole; nothing follows."""

    reason: FinishReason
    statistics: Statistics


GenerationEvent = Prefilled | TextPiece | Finished


class Engine(Protocol):
    """A loaded or loadable language model. One caller at a time; `stop` may come from any thread."""

    def load(self, on_progress: Callable[[float], None] = ...) -> ModelInfo:
        """Be ready: start and load where that is not done, at once where it is.

        `on_progress` hears fractions from 0 to 1. Raises ModelError or EngineError.
        """
        ...

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Tokens of each prompt, as `generate` would count them. Loads first where needed."""
        ...

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        """Prefilled*, TextPiece*, then exactly one Finished. Loads first where needed.

        Closing the iterator early stops the engine and leaves it usable. Raises EngineDied when it
        is lost in the middle, QuestionTooLong when the prompt does not fit in the context window.
        """
        ...

    def prepare(self, prompt: Prompt, *, lasting: bool = False) -> None:
        """Read the start of a coming prompt ahead, while nothing else is asked of the engine.

        Returns at once and raises nothing; from any thread. Whatever is asked next goes before it,
        and a newer call takes its place; an empty prompt calls it off. `lasting` says that many
        conversations begin so: its state is kept on the disk. Does nothing before `load`.
        """
        ...

    def forget(self) -> None:
        """Lose what was read of conversations, in memory and on disk: one of them was deleted for ever.

        Returns at once and raises nothing; from any thread. Before `load` it is done at the loading.
        """
        ...

    def stop(self) -> None:
        """End the answer being written, from any thread; nothing happens where there is none."""
        ...

    def close(self) -> None:
        """Give everything back. May be called twice."""
        ...
