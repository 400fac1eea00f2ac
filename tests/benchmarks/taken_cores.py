"""First word and speed on cores that other programs hold: the engine to itself with one thread, in pairs.

    uv run python -m tests.benchmarks.taken_cores MODEL.gguf [--rounds 5] [--threads 2] [--sentences 4]
        [--neighbours 0 1 2 13]

Each side starts anew in each round, and asks its first question at once. Ratios are medians of pairs:
1 is one thread's, for the first word less is better, for tokens a second more.
"""

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from soro_edge.bench.trial import Trial, run_trial
from soro_edge.engine.api import EngineOptions
from soro_edge.engine.hardware import default_threads
from tests.benchmarks.neighbours import neighbours

TOKENS = 32


def pairs(
    options: EngineOptions, log_file: Path, *, rounds: int, sentences: int
) -> list[tuple[Trial, Trial]]:
    """Several threads and one, each first in turn."""
    several, alone = options, replace(options, threads=1)
    found = []
    for number in range(rounds):
        order = (several, alone) if number % 2 == 0 else (alone, several)
        trials = [run_trial(one, log_file, sentences=sentences, tokens=TOKENS) for one in order]
        found.append((trials[number % 2], trials[1 - number % 2]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--sentences", type=int, default=4)
    parser.add_argument("--neighbours", type=int, nargs="*", default=[0, 1, 2, 13])
    given = parser.parse_args()
    options = EngineOptions(model_path=given.model, threads=given.threads)
    print(f"{'neighbours':>10} {'first word, s':>14} {'ratio':>7} {'tokens/s':>9} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder) / "engine.log"
        for count in given.neighbours:
            with neighbours(count):
                found = pairs(options, log_file, rounds=given.rounds, sentences=given.sentences)
            middle = statistics.median
            first = middle(one.first_token_seconds for one, _ in found)
            waits = middle(one.first_token_seconds / two.first_token_seconds for one, two in found)
            speed = middle(one.tokens_per_second for one, _ in found)
            speeds = middle(one.tokens_per_second / two.tokens_per_second for one, two in found)
            print(
                f"{count:>10} {first:>14.3f} {waits:>7.2f} {speed:>9.1f} {speeds:>7.2f}", flush=True
            )


if __name__ == "__main__":
    main()
