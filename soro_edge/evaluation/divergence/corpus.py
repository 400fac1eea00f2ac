"""The corpus that two models are compared on: a file, or FLORES-200 in Tajik. Knows no model."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.benchmarks.dataset import read_data
from soro_edge.evaluation.benchmarks.task import find_task


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A text that both models read."""

    name: str
    """How the report calls it."""
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


def read_corpus(path: Path) -> Corpus:
    """Read a UTF-8 file as a corpus. Raises EvaluationFailed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EvaluationFailed(
            reason=f"The text cannot be read: {path}: {error.strerror}.",
            advice="Name a text file that is here with --text.",
        ) from error
    except UnicodeDecodeError as error:
        raise EvaluationFailed(
            reason=f"The text is not UTF-8: {path}, byte {error.start}.",
            advice="Save the file as UTF-8.",
        ) from error
    return Corpus(name=path.name, text=text)


def default_corpus() -> Corpus:
    """FLORES-200 in Tajik, without the lines that a model may have been calibrated on. Raises NoData."""
    task = find_task("flores")
    lines = [str(item.record[task.fields.text]) for item in read_data(task, None).items]
    return Corpus(name="FLORES-200", text="\n".join(lines))
