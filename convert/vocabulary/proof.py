"""What trimming a vocabulary changes and what it does not, shown with llama.cpp itself.

Every line of the kept scripts has the same tokens. That kept pieces have the same logits and that any text
comes back from its tokens is held by tests. Knows models and token ids, not how pieces were chosen.
"""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.errors import VerificationFailed
from convert.native.gguf_writer import Writer
from convert.native.llama import LlamaModel
from convert.vocabulary.tokenizer import Tokenizer, write_tokenizer
from convert.vocabulary.trim import VocabularyPlan
from convert.vocabulary.unicode_scripts import keeps_exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizationComparison:
    """One text, line by line, with the full and with the trimmed vocabulary."""

    lines: int
    equal: int
    """Lines with the same tokens, piece by piece."""
    promised: int
    """Lines of the kept scripts alone; each of them is equal, or the proof has failed."""
    tokens_before: int
    tokens_after: int

    @property
    def more_tokens(self) -> float:
        """0.02 where the trimmed vocabulary needs 2 % more tokens."""
        return self.tokens_after / self.tokens_before - 1 if self.tokens_before else 0.0


def compare_tokenization(
    full: LlamaModel, trimmed: LlamaModel, kept: NDArray[np.int64], lines: Iterable[str]
) -> TokenizationComparison:
    """Tokenize each line twice; `kept` is VocabularyPlan.kept. Raises VerificationFailed for a line
    that should have kept its tokens and has not."""
    count = equal = promised = before = after = 0
    for line in lines:
        old = full.tokenize(line)
        new = kept[trimmed.tokenize(line)].tolist() if line else []
        same, exact = old == new, keeps_exactly(line)
        if exact and not same:
            raise VerificationFailed(
                f"The trimmed vocabulary splits {line[:60]!r} differently from the full one.",
                "Convert with `--vocabulary full`, and report this text.",
            )
        count, equal, promised = count + 1, equal + same, promised + exact
        before, after = before + len(old), after + len(new)
    return TokenizationComparison(
        lines=count, equal=equal, promised=promised, tokens_before=before, tokens_after=after
    )


def prove_vocabulary(
    tokenizer: Tokenizer, plan: VocabularyPlan, texts: Mapping[str, Iterable[str]]
) -> dict[str, TokenizationComparison]:
    """Compare the tokens of named texts, before any weights are converted. `tokenizer` is the full one.
    Raises VerificationFailed."""
    with tempfile.TemporaryDirectory(prefix="soro-vocabulary-") as folder:
        full_path, trimmed_path = Path(folder) / "full.gguf", Path(folder) / "trimmed.gguf"
        write_vocabulary(tokenizer, full_path)
        write_vocabulary(plan.tokenizer, trimmed_path)
        with (
            LlamaModel(full_path, vocabulary_only=True) as full,
            LlamaModel(trimmed_path, vocabulary_only=True) as trimmed,
        ):
            return {
                name: compare_tokenization(full, trimmed, plan.kept, lines)
                for name, lines in texts.items()
            }


def write_vocabulary(tokenizer: Tokenizer, path: Path) -> None:
    """A GGUF without weights, for LlamaModel(path, vocabulary_only=True)."""
    writer = Writer(path, "gemma3")
    write_tokenizer(tokenizer, writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
