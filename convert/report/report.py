"""The short report of a conversion: on the screen, and as JSON beside the file. Knows values only."""

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from convert.calibrate.ablation import LARGEST
from convert.calibrate.divergence import ALL_Q4_0, PLAIN, WRITTEN, Closeness
from convert.vocabulary.proof import TokenizationComparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was made, and how good it is."""

    output: str
    size_bytes: int
    source_bytes: int
    """Of the checkpoint's weights."""
    sha256: str
    seconds: float
    remarks: tuple[str, ...]
    """Of the checkpoint and of what was chosen, in sentences without a full stop."""
    types: dict[str, int]
    """Bytes of all tensors of each GGUF type."""
    parts: dict[str, int]
    """Bytes of embedding, attention, feed-forward, norms, head of the file."""
    vocabulary_rows: int
    vocabulary_groups: dict[str, int]
    """Pieces that stayed, by the reason."""
    tokenization: dict[str, TokenizationComparison]
    """Texts with the full and with the trimmed vocabulary."""
    tokens_per_word: float
    """Of the Tajik calibration text."""
    closeness: Closeness | None
    """To the unrounded model on text held out; None without calibration."""
    losses: dict[str, float]
    """Calibrated tensors: lost power of the output."""
    tensor_errors: dict[str, float]
    """Every tensor: relative error against its source."""
    answer: str
    """What the file answers to a first question."""
    torch: dict[str, float] | None
    """Against transformers, where that was asked for."""

    def json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    def lines(self) -> list[str]:
        """For the screen."""
        lines = [
            f"{self.output}: {self.size_bytes / 1e6:,.1f} MB in {self.seconds:,.0f} s,"
            f" {_factor(self.source_bytes / self.size_bytes)} the checkpoint's"
            f" {self.source_bytes / 1e6:,.1f} MB"
        ]
        lines += [f"  {remark}." for remark in self.remarks]
        shares = ", ".join(
            f"{name} {size / self.size_bytes:.0%}" for name, size in self.parts.items()
        )
        types = ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in self.types.items())
        lines += [f"  shares      {shares}", f"  types       {types}"]
        lines.append(
            f"  vocabulary  {self.vocabulary_rows:,} pieces;"
            f" {self.tokens_per_word:.2f} tokens a word in Tajik"
        )
        for name, found in self.tokenization.items():
            lines.append(
                f"              {name}: {found.equal:,} of {found.lines:,} lines tokenized as before,"
                f" {found.more_tokens:+.2%} tokens"
            )
        if self.closeness:
            lines += _closeness_lines(self.closeness)
        worst = max(self.tensor_errors, key=self.tensor_errors.__getitem__)
        lines.append(f"  tensors     largest error {self.tensor_errors[worst]:.1%} in {worst}")
        if self.torch:
            found_torch = ", ".join(f"{name} {value:.4g}" for name, value in self.torch.items())
            lines.append(f"  torch       {found_torch}")
        lines.append(f"  answers     {self.answer.strip()!r}")
        return lines


def _factor(times: float) -> str:
    return f"{times:.1f} times smaller than" if times >= 1 else f"{1 / times:.1f} times as large as"


def _closeness_lines(closeness: Closeness) -> list[str]:
    lines = [
        f"  held-out text, {closeness.tokens:,} tokens; perplexity unrounded {closeness.perplexity_exact:.2f}"
    ]
    steps = dict(closeness.steps)
    shown = {
        **({LARGEST: steps.pop(LARGEST)} if steps else {}),
        **({ALL_Q4_0: closeness.q4_0} if closeness.q4_0 else {}),
        PLAIN: closeness.plain,
        **steps,
        WRITTEN: closeness.rounded,
    }
    width = max(9, *map(len, shown))
    for name, found in shown.items():
        lines.append(
            f"    {name:<{width}} perplexity {found.perplexity:.2f}, KL divergence {found.kl_divergence:.4f},"
            f" same first choice {found.same_first_choice:.1%}"
        )
    return lines


def next_steps(output: Path) -> list[str]:
    """What the model maker may do with the file, as commands to be copied."""
    file = shlex.quote(str(output))
    name = shlex.quote(output.stem.lower().replace(" ", "-"))
    modelfile = shlex.quote(f"FROM {output.absolute()}")
    return [
        "next",
        f"  Soro       soro models add {file}",
        f"  Ollama     echo {modelfile} > Modelfile && ollama create {name} && ollama run {name}",
        f"  LM Studio  lms import {file}",
    ]
