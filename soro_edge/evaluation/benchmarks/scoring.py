"""How each kind of task asks the model and scores what comes back.

Ties prompts, requests and scores together. The arithmetic is in multiple_choice.py, perplexity.py and
generated_text.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from soro_edge.chat.template import Turn, render
from soro_edge.evaluation.benchmarks import generated_text, multiple_choice, perplexity
from soro_edge.evaluation.benchmarks.prompts import Prompt
from soro_edge.evaluation.benchmarks.task import Task
from soro_edge.evaluation.results import ItemScore, Metric
from soro_edge.evaluation.scorer.greedy_decode import greedy_decode
from soro_edge.evaluation.scorer.prefix_tree import Request
from soro_edge.evaluation.scorer.requests import encode_pair, fitted, windows
from soro_edge.evaluation.scorer.scorer import Scorer


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedItem:
    """One item in tokens."""

    prompt: Prompt
    requests: tuple[Request, ...]
    cut: bool = False
    """Whether the oldest tokens of its prompt had to go."""

    @property
    def tokens(self) -> int:
        return max(len(request.path) for request in self.requests)


class Method(Protocol):
    """Of one task."""

    items_at_once: int

    def ask(self, scorer: Scorer, prompt: Prompt, context_tokens: int) -> EncodedItem: ...

    def score(self, scorer: Scorer, asked: Sequence[EncodedItem]) -> list[ItemScore]: ...

    def metrics(self, scores: Sequence[ItemScore]) -> tuple[Metric, ...]: ...


def scoring_of(task: Task, *, chat: bool = False) -> Method:
    """`chat`: what the model is to write an answer to is a pupil's question in its chat form."""
    if task.kind == "choice":
        return LikelihoodScoring(task)
    if task.kind == "text":
        return PerplexityScoring()
    return GenerationScoring(task, chat=chat)


class LikelihoodScoring:
    """Each option's probability after the question."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.items_at_once = max(1, 48 // max(1, len(task.answers.labels) or task.answers.count))

    def ask(self, scorer: Scorer, prompt: Prompt, context_tokens: int) -> EncodedItem:
        whole = [encode_pair(scorer, prompt.context, one) for one in prompt.continuations]
        requests = tuple(fitted(request, context_tokens) for request in whole)
        return EncodedItem(prompt=prompt, requests=requests, cut=requests != tuple(whole))

    def score(self, scorer: Scorer, asked: Sequence[EncodedItem]) -> list[ItemScore]:
        answers = scorer.log_likelihoods([request for one in asked for request in one.requests])
        delimiter = self._task.prompt.delimiter
        return [
            multiple_choice.score(one.prompt, delimiter, [next(answers) for _ in one.requests])
            for one in asked
        ]

    def metrics(self, scores: Sequence[ItemScore]) -> tuple[Metric, ...]:
        return multiple_choice.metrics(scores, len(self._task.answers.labels))


class PerplexityScoring:
    """Each text's own probability."""

    items_at_once = 16

    def ask(self, scorer: Scorer, prompt: Prompt, context_tokens: int) -> EncodedItem:
        tokens = scorer.tokenize(prompt.item.answer, add_bos=False)
        begin = scorer.begin_token
        requests = tuple(windows(tokens, begin_token=begin, context_tokens=context_tokens))
        return EncodedItem(prompt=prompt, requests=requests, cut=len(requests) > 1)

    def score(self, scorer: Scorer, asked: Sequence[EncodedItem]) -> list[ItemScore]:
        answers = scorer.log_likelihoods([request for one in asked for request in one.requests])
        return [
            perplexity.score(
                one.prompt.item.id, one.prompt.item.answer, [next(answers) for _ in one.requests]
            )
            for one in asked
        ]

    def metrics(self, scores: Sequence[ItemScore]) -> tuple[Metric, ...]:
        return perplexity.metrics(scores)


class GenerationScoring:
    """What the model writes, its likeliest tokens: a letter, an answer, a translation."""

    items_at_once = 16

    def __init__(self, task: Task, *, chat: bool) -> None:
        self._task = task
        self._chat = chat
        self._references: dict[str, str] = {}

    def ask(self, scorer: Scorer, prompt: Prompt, context_tokens: int) -> EncodedItem:
        self._references[prompt.item.id] = prompt.item.answer
        tokens = tuple(self._tokens(scorer, prompt.context.rstrip()))
        room = max(1, context_tokens - self._task.generation.max_tokens)
        request = Request(context=tokens[-room:], continuation=(scorer.begin_token,))
        return EncodedItem(prompt=prompt, requests=(request,), cut=len(tokens) > room)

    def _tokens(self, scorer: Scorer, question: str) -> list[int]:
        if not self._chat:
            return scorer.tokenize(question)
        return scorer.vocabulary.tokenize(render([Turn(question=question)], "", scorer.info))

    def score(self, scorer: Scorer, asked: Sequence[EncodedItem]) -> list[ItemScore]:
        generation = self._task.generation
        prompts = [one.requests[0].context for one in asked]
        texts = greedy_decode(
            scorer, prompts, max_tokens=generation.max_tokens, stop=generation.stop
        )
        return [
            generated_text.score(self._task, one.prompt.item, text)
            for one, text in zip(asked, texts, strict=True)
        ]

    def metrics(self, scores: Sequence[ItemScore]) -> tuple[Metric, ...]:
        return generated_text.metrics(self._task, scores, self._references)
