"""How fast an evaluation is: against one full pass for each choice, and against llama.cpp's own tool.

Usage: uv run python tests/benchmarks/evaluation.py MODEL.gguf [--questions 12] [--threads 1]
           [--perplexity llama-perplexity --text FILE --chunks 4]

Choices: SIB-200 with 5 examples; both sides answer the same requests in turn, and must agree. Perplexity:
both sides run as processes of their own over the same chunks of 512 tokens, and must agree. Prints ratios of
wall and of processor seconds, theirs to ours: above 1 ours is faster.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soro_edge.evaluation.benchmarks.dataset import read_data
from soro_edge.evaluation.benchmarks.evaluate import spread
from soro_edge.evaluation.benchmarks.prompts import Prompts
from soro_edge.evaluation.benchmarks.scoring import LikelihoodScoring
from soro_edge.evaluation.benchmarks.task import find_task
from soro_edge.evaluation.scorer.prefix_tree import LogLikelihood, Request, RequestGroup
from soro_edge.evaluation.scorer.scorer import Scorer

CHUNK = 512
SHOTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    wall_seconds: float
    processor_seconds: float


def measured(work: Callable[[], object]) -> Cost:
    began, used = time.perf_counter(), time.process_time()
    work()
    return Cost(
        wall_seconds=time.perf_counter() - began, processor_seconds=time.process_time() - used
    )


def requests_of_sib(scorer: Scorer, questions: int) -> list[list[Request]]:
    task = find_task("sib200")
    data = read_data(task, None)
    prompts = Prompts(task, spread(data.examples, SHOTS + 1), SHOTS)
    method = LikelihoodScoring(task)
    items = spread(data.items, questions)
    return [list(method.ask(scorer, prompts.of(item), 4096).requests) for item in items]


def one_pass_each(scorer: Scorer, requests: list[Request]) -> list[LogLikelihood]:
    """Everything is read again for each choice; logits only of the answer's tokens."""
    found = []
    for request in requests:
        scorer.clear()
        found += scorer.log_likelihoods_of(RequestGroup(requests=(request,)))
    return found


def compare_choices(model: Path, questions: int, threads: int, rounds: int) -> None:
    with Scorer(model, context_tokens=256, threads=threads) as scorer:
        items = requests_of_sib(scorer, questions)
        scorer.reserve(max(len(one.path) for item in items for one in item))
        shared = [request for item in items for request in item]
        # A full pass for each choice costs the same for every question: two are enough.
        apart = [request for item in items[:2] for request in item]
        walls, processors = [], []
        for _ in range(rounds):
            scorer.clear()
            ours: list[LogLikelihood] = []
            cost = measured(lambda found=ours: found.extend(scorer.log_likelihoods(shared)))  # type: ignore[misc]
            theirs: list[LogLikelihood] = []
            other = measured(lambda found=theirs: found.extend(one_pass_each(scorer, apart)))  # type: ignore[misc]
            worst = max(abs(a.total - b.total) for a, b in zip(ours, theirs, strict=False))
            scale = len(items) / 2
            walls.append(other.wall_seconds * scale / cost.wall_seconds)
            processors.append(other.processor_seconds * scale / cost.processor_seconds)
        tokens = len(items[0][0].path)
        print(f"SIB-200, {SHOTS} shots, {len(items)} questions, prompts of about {tokens} tokens")
        show("one full pass for each choice", walls, processors)
        print(f"  largest difference of a log-likelihood: {worst:.3f}")


def perplexity(model: Path, text: Path, chunks: int, threads: int) -> float:
    """As llama-perplexity: chunks of 512 tokens that begin with <bos>, their second halves scored."""
    import math

    with Scorer(model, context_tokens=CHUNK, threads=threads, sequences=1) as scorer:
        tokens = scorer.tokenize(text.read_text(encoding="utf-8"))
        half = CHUNK // 2 + 1
        parts = [tokens[CHUNK * number : CHUNK * (number + 1)] for number in range(chunks)]
        asked = [
            Request(context=(tokens[0], *part[1:half]), continuation=tuple(part[half:]))
            for part in parts
        ]
        found = list(scorer.log_likelihoods(asked))
    return math.exp(-sum(one.total for one in found) / sum(one.tokens for one in found))


def process_cost(command: list[str]) -> tuple[Cost, str]:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_seconds=time.perf_counter() - began, processor_seconds=used), (
        done.stdout + done.stderr
    )


def compare_perplexity(given: argparse.Namespace) -> None:
    ours = [sys.executable, __file__, str(given.model), "--threads", str(given.threads)]
    ours += ["--text", str(given.text), "--chunks", str(given.chunks), "--only-perplexity"]
    theirs = [str(given.perplexity), "-m", str(given.model), "-f", str(given.text)]
    theirs += ["-c", str(CHUNK), "-b", str(CHUNK), "-ub", str(CHUNK)]
    theirs += ["--chunks", str(given.chunks), "-t", str(given.threads)]
    walls, processors, values = [], [], []
    for _ in range(given.rounds):
        cost, said = process_cost(ours)
        other, their_words = process_cost(theirs)
        walls.append(other.wall_seconds / cost.wall_seconds)
        processors.append(other.processor_seconds / cost.processor_seconds)
        estimate = re.search(r"Final estimate: PPL = ([0-9.]+)", their_words)
        assert estimate
        values.append((float(said), float(estimate[1])))
    print(
        f"perplexity, {given.chunks} x {CHUNK} tokens: ours {values[-1][0]:.4f}, theirs {values[-1][1]}"
    )
    show("llama-perplexity", walls, processors)


def show(what: str, walls: list[float], processors: list[float]) -> None:
    for name, ratios in (("wall", walls), ("processor", processors)):
        spread_of = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(
            f"  {what}, {name} seconds: {statistics.median(ratios):.2f} ({spread_of})", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--perplexity", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--chunks", type=int, default=4)
    parser.add_argument("--only-perplexity", action="store_true")
    given = parser.parse_args()
    if given.only_perplexity:
        print(perplexity(given.model, given.text, given.chunks, given.threads))
        return
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {given.threads} threads")
    if given.perplexity:
        compare_perplexity(given)
    if given.questions:
        compare_choices(given.model, given.questions, given.threads, given.rounds)


if __name__ == "__main__":
    main()
