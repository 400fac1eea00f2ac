"""One model through its tasks: prompts, scores, journal, metrics. Goes on where it was interrupted.

Knows no command line; commands/evaluate.py prints what it returns.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from soro_edge import __version__
from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.benchmarks.dataset import TaskData, read_data
from soro_edge.evaluation.benchmarks.items import Item
from soro_edge.evaluation.benchmarks.prompts import Prompt, Prompts
from soro_edge.evaluation.benchmarks.scoring import EncodedItem, Method, scoring_of
from soro_edge.evaluation.benchmarks.task import WRITTEN_KINDS, Task
from soro_edge.evaluation.journal import METHOD, Journal
from soro_edge.evaluation.progress import Progress
from soro_edge.evaluation.results import BadItem, ItemScore, ModelFacts, Results, TaskResult
from soro_edge.evaluation.scorer.requests import TooLong
from soro_edge.evaluation.scorer.scorer import Scorer
from soro_edge.models import sha256_of

TAJIK = "Ғалаёни ҷӯшону ҳурӯши дарё: қаҳрамони тоҷик Ӣсоро ёд кард, ки «ҳаёт — ширин» аст."
"""Every letter that Tajik adds to Russian's, and its punctuation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What the maker asked for."""

    limit: int | None = None
    """Only so many items of each task, spread evenly over its data: many files are sorted."""
    shots: int | None = None
    """Examples before each question; None leaves the task's own number."""
    data_folder: Path | None = None
    context_tokens: int = 4096
    """No request is longer, nor longer than what the model was trained for."""
    threads: int = 0
    chat: bool = False
    """Tasks in which the model writes are put to it in its chat form, as a pupil's question."""
    fresh: bool = False
    """Measure again what was measured before."""


def evaluate(
    path: Path,
    tasks: Sequence[Task],
    options: EvaluationOptions,
    *,
    journals: Path,
    progress: Progress,
) -> Results:
    """Every task on the model in `path`. Raises SoroError."""
    data = [read_data(task, options.data_folder) for task in tasks]
    with Scorer(path, context_tokens=256, threads=options.threads) as scorer:
        check_round_trip(path, scorer)
        progress.begin("SHA-256", 0)
        model = ModelFacts(
            name=path.stem,
            file=path.name,
            size_bytes=path.stat().st_size,
            sha256=sha256_of(path),
        )
        results = tuple(
            _TaskRun(task, found, options, scorer, model.sha256).run(journals, progress)
            for task, found in zip(tasks, data, strict=True)
        )
    return Results(model=model, tasks=results, settings=_settings(options))


def check_round_trip(path: Path, scorer: Scorer) -> None:
    """A tokenizer that loses Tajik letters measures something else. Raises EvaluationFailed."""
    back = scorer.detokenize(scorer.tokenize(TAJIK, add_bos=False))
    if back.removeprefix(" ") != TAJIK:
        raise EvaluationFailed(
            reason=f"The tokenizer of {path.name} cannot write Tajik: «{TAJIK}» comes back as «{back}».",
            advice="Take a model whose vocabulary has Tajik letters or bytes.",
        )


class _TaskRun:
    """One task on one model."""

    def __init__(
        self,
        task: Task,
        data: TaskData,
        options: EvaluationOptions,
        scorer: Scorer,
        model_sha256: str,
    ) -> None:
        self._task, self._data, self._options, self._scorer = task, data, options, scorer
        self._model_sha256 = model_sha256
        self._bad = list(data.bad)
        self._shots = 0 if task.kind == "text" else _shots(task, data, options)
        self._chat = options.chat and task.kind in WRITTEN_KINDS
        self._context_tokens = min(options.context_tokens, scorer.trained_context_tokens)

    def run(self, journals: Path, progress: Progress) -> TaskResult:
        journal = Journal(journals / f"{self._key()}.jsonl")
        if self._options.fresh:
            journal.forget()
        method = scoring_of(self._task, chat=self._chat)
        asked = self._ask(method)
        done = journal.read()
        left = [one for one in asked if one.prompt.item.id not in done]
        progress.begin(self._task.name, len(asked), len(asked) - len(left))
        if left:
            self._scorer.reserve(max(one.tokens for one in left))
        for begin in range(0, len(left), method.items_at_once):
            part = left[begin : begin + method.items_at_once]
            scores = method.score(self._scorer, part)
            journal.add(scores)
            done.update({score.item: score for score in scores})
            progress.advance(len(part))
        scores = [done[one.prompt.item.id] for one in asked]
        return self._result(method, scores, asked)

    def _ask(self, method: Method) -> list[EncodedItem]:
        data = self._data
        # One more than needed: an item may be among them, and is no example for itself.
        wanted = self._shots + 1
        spread_examples = self._task.data.examples == "spread"
        examples = spread(data.examples, wanted) if spread_examples else data.examples[:wanted]
        prompts = Prompts(self._task, examples, self._shots)
        items = spread(data.items, self._options.limit or len(data.items))
        written = (
            [Prompt(item=item, context="", continuations=()) for item in items]
            if self._task.kind == "text"
            else [prompts.of(item) for item in items]
        )
        asked: list[EncodedItem] = []
        for prompt in written:
            try:
                asked.append(method.ask(self._scorer, prompt, self._context_tokens))
            except TooLong as reason:
                self._bad.append(BadItem(item=prompt.item.id, reason=str(reason)))
        if not asked:
            raise EvaluationFailed(
                reason=f"No item of {self._task.name} fits: {self._bad[-1].reason}.",
                advice="Name more tokens with --context, or take a model trained on longer texts.",
            )
        return asked

    def _result(
        self, method: Method, scores: Sequence[ItemScore], asked: Sequence[EncodedItem]
    ) -> TaskResult:
        task = self._task
        return TaskResult(
            task=task.name,
            version=task.version,
            title=task.title,
            titles=task.titles,
            kind=task.kind,
            data_sha256=self._data.sha256,
            shots=self._shots,
            chat=self._chat,
            metrics=method.metrics(scores),
            items=tuple(scores),
            bad=tuple(self._bad),
            cut=sum(one.cut for one in asked),
            left_out=self._data.left_out,
            context_tokens=self._context_tokens,
            notes=tuple(self._notes(asked)),
        )

    def _notes(self, asked: Sequence[EncodedItem]) -> list[str]:
        notes = []
        cut = sum(one.cut for one in asked)
        window = f"the context of {self._context_tokens} tokens"
        if cut and self._task.kind == "text":
            notes.append(f"{cut} texts longer than {window} were scored in windows")
        elif cut:
            notes.append(f"{cut} prompts longer than {window} lost their beginning")
        if self._data.left_out:
            notes.append(
                f"{self._data.left_out} items left out: they occur in {self._task.data.without}"
            )
        if self._bad:
            notes.append(f"{len(self._bad)} items could not be used")
        if bad := self._data.bad_examples:
            file = self._task.data.shots_file
            notes.append(f"{len(bad)} examples of {file} could not be used ({bad[0].place})")
        return notes

    def _key(self) -> str:
        """What the scores depend on; another limit does not change them."""
        facts = {
            "method": METHOD,
            "model": self._model_sha256,
            "task": {**asdict(self._task), "path": "", "title": "", "titles": {}},
            "data": self._data.sha256,
            "shots": self._shots,
            "chat": self._chat,
            "context": self._context_tokens,
            "llama": version("llama-cpp-python"),
        }
        text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
        return f"{self._task.name}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def spread(items: Sequence[Item], count: int) -> Sequence[Item]:
    """`count` of them, evenly spaced, in their order; all where there are no more."""
    if count >= len(items):
        return items
    return [items[number * len(items) // count] for number in range(count)]


def _shots(task: Task, data: TaskData, options: EvaluationOptions) -> int:
    shots = task.shots if options.shots is None else options.shots
    there = len(data.examples) - (not task.data.shots_file)
    if shots > there:
        raise EvaluationFailed(
            reason=f"{task.name} has {there} examples, and {shots} were asked for.",
            advice=f"Name fewer: --shots {there}.",
        )
    return shots


def _settings(options: EvaluationOptions) -> dict[str, str]:
    return {
        "program": f"soro {__version__}",
        "llama-cpp-python": version("llama-cpp-python"),
        "context_tokens": str(options.context_tokens),
        "limit": str(options.limit or ""),
    }
