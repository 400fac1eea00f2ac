"""LlamaEngine: llama.cpp in this process, one model, one context, one sequence.

It runs inside the worker and prefills only what is new. Knows no conversation and no template, only
prompts of control tokens and text.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soro_edge.engine.api import (
    EngineOptions,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    ModelInfo,
    Prefilled,
    Prompt,
    Statistics,
    TextPiece,
)
from soro_edge.engine.detokenizer import StreamingDecoder
from soro_edge.engine.kv_cache import KvCache
from soro_edge.engine.loops import LoopGuard
from soro_edge.engine.model import LoadedModel
from soro_edge.engine.native import AbortFlag, lib, library_build
from soro_edge.engine.prefix import Checkpoint, goes_on, shared_tokens
from soro_edge.engine.sampler import sampler_chain
from soro_edge.engine.states import WORTH_READING_TOKENS, StateStore
from soro_edge.engine.steps import Steps
from soro_edge.errors import QuestionTooLong

AHEAD_BATCH_TOKENS = 16
"""Read ahead in such steps: what is asked meanwhile waits for one of them."""
WORTH_SAVING_TOKENS = 128
"""A state that holds fewer tokens is read anew as quickly as from a slow disk."""
CHECKPOINT_SPACING_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """What `prepare` asked for."""

    prompt: Prompt
    lasting: bool


class LlamaEngine:
    """Obeys the Engine protocol; what `prepare` asks for is done by calls of `read_ahead`."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._abort = AbortFlag()
        self._model: LoadedModel | None = None
        self._states: StateStore | None = None
        self._ahead: _Ahead | None = None

    def load(self, on_progress: Callable[[float], None] = lambda fraction: None) -> ModelInfo:
        if self._model is None:
            model = LoadedModel(self._options, on_progress)
            assert model.context is not None
            self._abort.attach(model.context)
            self._cache = KvCache(
                model.context,
                window_tokens=model.window_tokens,
                checkpoint_bytes=self._options.checkpoint_bytes,
            )
            self._vocabulary = model.vocabulary
            self._steps = Steps(
                model.use_threads,
                self._abort,
                writing_threads=model.threads,
                reading_threads=model.prefill_threads,
            )
            self._states = self._open_states(model)
            self._model = model
            self._steps.open()
        return self._model.info

    @property
    def native_context(self) -> int | None:
        """llama.cpp's context pointer, for the benchmark's bare loop."""
        return self._model.context if self._model else None

    @property
    def cache(self) -> KvCache:
        """Of the loaded model."""
        self.load()
        return self._cache

    def tokenize(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt. Raises BadTemplate for a control piece the model does not have."""
        self.load()
        return self._vocabulary.tokenize(prompt)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        return [len(self.tokenize(prompt)) for prompt in prompts]

    def stop(self) -> None:
        self._abort.set()

    def close(self) -> None:
        if self._model is not None:
            way_back = self._cache.checkpoints.newest()
            self._cache.leave([])
            self._save_conversation(0, way_back, last=True)
            self._steps.close()
            self._model.close()
            self._model = None

    def generate(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        began = time.perf_counter()
        self._abort.clear()
        self._ahead = None
        info = self.load()
        prompt = self.tokenize(request.prompt)
        if len(prompt) >= info.context_tokens:
            raise QuestionTooLong(have_tokens=len(prompt), room_tokens=info.context_tokens - 1)
        reused = self._reach(prompt)
        answer = _Answer(min(request.max_tokens, info.context_tokens - len(prompt)))
        for done in self._prefill(prompt):
            yield Prefilled(done, len(prompt))
        if len(self._cache.tokens) == len(prompt):
            with sampler_chain(request.sampling, self._vocabulary.size) as sampler:
                yield from self._decode(answer, sampler)
            if answer.limit < request.max_tokens and answer.reason is FinishReason.MAX_TOKENS:
                answer.reason = FinishReason.CONTEXT_FULL
        self._vocabulary.remember(request.prompt, answer.tokens)
        yield Finished(
            answer.reason,
            Statistics(
                prompt_tokens=len(prompt),
                reused_tokens=reused,
                generated_tokens=len(answer.tokens),
                first_token_seconds=(answer.first_at or time.perf_counter()) - began,
                decode_seconds=answer.last_at - (answer.first_at or answer.last_at),
                context_tokens=info.context_tokens,
            ),
        )

    def forget(self) -> None:
        self._ahead = None
        if self._model is not None:
            self._cache.clear()
            self._vocabulary.forget()
        if self._states is not None:
            self._states.forget()

    # Reading ahead

    def prepare(self, prompt: Prompt, *, lasting: bool = False) -> None:
        self._ahead = _Ahead(prompt=prompt, lasting=lasting) if prompt else None

    def read_ahead(self) -> bool:
        """One small step of what `prepare` asked for; whether more is to be done."""
        ahead = self._ahead
        if ahead is None or self._model is None:
            self._ahead = None
            return False
        tokens = self.tokenize(ahead.prompt)
        cache = self._cache
        shared = shared_tokens(cache.tokens, tokens)
        if len(tokens) < self._model.info.context_tokens and shared < len(tokens):
            self._abort.clear()
            if shared < len(cache.tokens) or not cache.tokens:
                self._reach(tokens)
            else:
                self._mark_turn()
            at = len(cache.tokens)
            if not self._read(tokens[at : at + AHEAD_BATCH_TOKENS]):
                self._ahead = None
                return False
            if len(cache.tokens) < len(tokens):
                return True
        if ahead.lasting and self._states and cache.tokens == tokens:
            known = any(saved.tokens == tokens for saved in self._states.all())
            if len(tokens) >= WORTH_READING_TOKENS and not known:
                self._states.save(tokens, cache.state(), lasting=True)
        if self._ahead is ahead:
            self._ahead = None
        return self._ahead is not None

    # The KV cache

    def _reach(self, prompt: list[int]) -> int:
        """Make the cache hold as much of the prompt's start as can be had; how many tokens."""
        cache, states = self._cache, self._states
        here = cache.reusable(prompt)
        way_back = cache.checkpoints.newest()
        cache.leave(prompt)
        if not goes_on(cache.tokens, prompt):
            self._save_conversation(here, way_back)
        if states is not None:
            states.renew()
        if states is not None and self._model is not None:
            saved, there = states.best(prompt, window_tokens=self._model.window_tokens)
            if saved is not None and there >= here + WORTH_READING_TOKENS:
                cache.checkpoints.leave_room(saved.size_bytes)
                found = states.read(saved)
                if found is not None and cache.restore(saved.tokens, found[0]) and found[1]:
                    cache.checkpoints.add(found[1])
        kept = cache.keep(prompt)
        self._mark_turn()
        return kept

    def _mark_turn(self) -> None:
        """A checkpoint where a conversation goes on: the next question may be edited."""
        earlier = self._cache.checkpoints.positions()
        now = len(self._cache.tokens)
        if all(abs(now - one) >= CHECKPOINT_SPACING_TOKENS for one in [0, *earlier]):
            self._cache.mark()

    def _save_conversation(
        self, kept: int, way_back: Checkpoint | None, *, last: bool = False
    ) -> None:
        """Keep on disk what is about to be lost, where that is a whole conversation and not an answer.
        The way back to its last question goes along, if memory has room for both."""
        tokens = self._cache.tokens
        if self._states is None or len(tokens) - kept < max(WORTH_SAVING_TOKENS, len(tokens) // 2):
            return
        if all(saved.tokens != tokens for saved in self._states.all()):
            state = self._cache.state()
            if way_back and len(way_back.data) + len(state) > self._options.checkpoint_bytes:
                way_back = None
            written = self._vocabulary.written_in(tokens)
            self._states.save(tokens, state, checkpoint=way_back, written=written, last=last)

    def _open_states(self, model: LoadedModel) -> StateStore | None:
        options = self._options
        if not options.states_folder or not options.model_sha256:
            return None
        info = model.info
        # A state holds keys and values in the cache's type, and laid out for one kind of attention.
        settings = (info.flash_attention, options.prefill_batch_tokens, info.kv_cache_type.value)
        binding = f"{options.model_sha256} {library_build()} {model.info.context_tokens} {settings}"
        store = StateStore(
            Path(options.states_folder), binding=binding, limit_bytes=options.states_bytes
        )
        for saved in store.all():
            self._vocabulary.recall(saved.written)
        return store

    # Tokens

    def _read(self, tokens: list[int]) -> bool:
        """Let the model read one batch; False where it was stopped."""
        return self._steps.do(lambda: self._cache.run(tokens), tokens=len(tokens))

    def _prefill(self, prompt: list[int]) -> Iterator[int]:
        """Read the prompt's new tokens batch by batch; how far it is, after each. Obeys stop."""
        size = self._options.prefill_batch_tokens
        for start in range(len(self._cache.tokens), len(prompt), size):
            if self._abort.is_set() or not self._read(prompt[start : start + size]):
                return
            yield len(self._cache.tokens)

    def _decode(self, answer: "_Answer", sampler: int) -> Iterator[TextPiece]:
        decoder, guard, vocabulary = StreamingDecoder(), LoopGuard(), self._vocabulary
        context = self.native_context
        while not self._abort.is_set():
            token = lib.llama_sampler_sample(sampler, context, -1)
            answer.last_at = time.perf_counter()
            answer.first_at = answer.first_at or answer.last_at
            if vocabulary.is_end(token):
                answer.reason = FinishReason.END
                break
            answer.tokens.append(token)
            text = decoder.feed(vocabulary.bytes_of(token))
            if text:
                yield TextPiece(text)
            if guard.loops(token):
                answer.reason = FinishReason.LOOP
                break
            if len(answer.tokens) >= answer.limit:
                answer.reason = FinishReason.MAX_TOKENS
                break
            if len(answer.tokens) == 1:
                self._cache.mark()  # here `again` returns to; after the first word was shown
            if not self._read([token]):
                break
        rest = decoder.finish()
        if rest:
            yield TextPiece(rest)


class _Answer:
    """What `generate` knows of the answer being written."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tokens: list[int] = []
        self.reason = FinishReason.STOPPED
        self.first_at = 0.0
        self.last_at = 0.0
