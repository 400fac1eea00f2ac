"""The text that two models read: a file of the maker's, or FLORES in Tajik. Knows no model."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.benchmarks.dataset import read_data
from soro_edge.evaluation.benchmarks.task import find_task


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What both models read."""

    name: str
    """As the report calls it."""
    words: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.words.encode("utf-8")).hexdigest()


def read_text(path: Path) -> Text:
    """The whole of a UTF-8 file. Raises EvaluationFailed."""
    try:
        words = path.read_text(encoding="utf-8-sig")
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
    return Text(name=path.name, words=words)


def our_text() -> Text:
    """FLORES in Tajik, without the lines that a model may have been calibrated on. Raises NoData."""
    task = find_task("flores")
    lines = [str(item.record[task.fields.text]) for item in read_data(task, None).items]
    return Text(name="FLORES-200", words="\n".join(lines))
