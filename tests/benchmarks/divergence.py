"""`soro eval --against` beside llama.cpp's own `llama-perplexity --kl-divergence`, same files, same text.

Usage: uv run python tests/benchmarks/divergence.py MODEL REFERENCE TEXT --llama-cpp FOLDER [--chunks 6]

FOLDER holds llama.cpp with `build/bin/llama-perplexity`. Both vocabularies must be the same, which that
program demands. Prints both programs' figures and their processor seconds, one thread each; ends with 1
where the mean divergences are further apart than the two standard errors together.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from soro_edge.evaluation.divergence.corpus import read_corpus
from soro_edge.evaluation.divergence.report import report_divergence

FIGURES = {
    "KL divergence": r"Mean    KLD: +(\S+) ± +(\S+)",
    "99 % point": r"99.0%   KLD: +(\S+)()",
    "largest": r"Maximum KLD: +(\S+)()",
    "same first choice, %": r"Same top p: +(\S+) ± +(\S+)",
    "perplexity": r"Mean PPL\(Q\) +: +(\S+) ± +(\S+)",
    "perplexity of the reference": r"Mean PPL\(base\) +: +(\S+) ± +(\S+)",
}
Figures = dict[str, tuple[float, float]]


def theirs(options: argparse.Namespace) -> tuple[Figures, float]:
    """Figures with their errors, and processor seconds."""
    folder: Path = options.llama_cpp / "build" / "bin"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as scratch:
        base = str(Path(scratch) / "base.kld")
        common = ["-f", str(options.text), "-c", "512", "--chunks", str(options.chunks), "-t", "1"]
        for model, words in ((options.reference, []), (options.model, ["--kl-divergence"])):
            command = [str(folder / "llama-perplexity"), "-m", str(model), *common, *words]
            done = subprocess.run(
                [*command, "--kl-divergence-base", base],
                capture_output=True,
                text=True,
                env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
                check=True,
            )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = done.stdout + done.stderr
    found: Figures = {}
    for name, pattern in FIGURES.items():
        match = re.search(pattern, told)
        if match is None:
            raise SystemExit(f"llama-perplexity told no {name}:\n{told[-2000:]}")
        found[name] = float(match[1].rstrip("%")), float(match[2] or 0)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found, seconds


def ours(options: argparse.Namespace) -> tuple[Figures, float]:
    """The same of our report."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    report = report_divergence(
        options.model,
        options.reference,
        read_corpus(options.text),
        most_chunks=options.chunks,
        threads=1,
    ).summary
    after = resource.getrusage(resource.RUSAGE_SELF)
    same = report.top1_agreement
    found = {
        "KL divergence": (report.divergence.value, report.divergence.standard_error),
        "99 % point": (report.divergence_99_percent, 0.0),
        "largest": (report.divergence_maximum, 0.0),
        "same first choice, %": (100 * same.value, 100 * same.standard_error),
        "perplexity": (report.model_perplexity.value, report.model_perplexity.standard_error),
        "perplexity of the reference": (
            report.reference_perplexity.value,
            report.reference_perplexity.standard_error,
        ),
    }
    return found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "reference", "text"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--llama-cpp", type=Path, required=True)
    parser.add_argument("--chunks", type=int, default=6)
    options = parser.parse_args()
    (mine, my_seconds), (yours, your_seconds) = ours(options), theirs(options)
    print(f"{'':<30}{'soro eval':>22}{'llama-perplexity':>22}")
    for name in FIGURES:
        cells = (f"{value:.4f} ± {error:.4f}" for value, error in (mine[name], yours[name]))
        print(f"{name:<30}{''.join(f'{cell:>22}' for cell in cells)}")
    print(f"{'processor seconds':<30}{my_seconds:>22.1f}{your_seconds:>22.1f}")
    (value, error), (their_value, their_error) = mine["KL divergence"], yours["KL divergence"]
    return int(abs(value - their_value) > error + their_error)


if __name__ == "__main__":
    sys.exit(main())
