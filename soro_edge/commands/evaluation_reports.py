"""`soro eval --against`, `--generation` and `--page`: builds what they need, shows how far they are."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.evaluation.answers_file import AnswersFile, Facts
from soro_edge.evaluation.generation import (
    GenerationReport,
    GivenAnswer,
    answer_questions,
    report_generation,
)
from soro_edge.evaluation.page_contents import Findings, compose
from soro_edge.evaluation.page_html import page_html
from soro_edge.evaluation.page_markdown import page_markdown
from soro_edge.evaluation.quantization import QuantizationReport, report_quantization
from soro_edge.evaluation.questions import Question, read_questions
from soro_edge.manifest import Manifest
from soro_edge.models import check_memory, manifest_of, sha256_of
from soro_edge.paths import make_folder, storage_error

SEED = 1
"""Of the answers: the same file gives the same answers on the same computer."""
PAGES = {".html": page_html, ".md": page_markdown}
"""How a page is written, by the ending of its file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One model's answers and what was counted of them."""

    report: GenerationReport
    answers: Sequence[GivenAnswer]
    file: Path
    """Where the answers are kept."""


def run_against(
    model: Path, reference: Path, text: Path, *, most_chunks: int | None = None, threads: int = 0
) -> QuantizationReport:
    """Compare, and show how far it is. Raises EvaluationFailed, ModelError."""
    with _progress(f"{model.name} : {reference.name}") as told:
        return report_quantization(
            model, reference, text, most_chunks=most_chunks, threads=threads, on_progress=told
        )


def run_generation(
    program: Program,
    model: Path,
    questions: Path,
    *,
    limit: int | None = None,
    max_tokens: int | None = None,
) -> Generated:
    """Ask what was not asked before, and count.

    Raises EvaluationFailed, ModelError, EngineError, StorageError.
    """
    listed = read_questions(questions)
    asked = listed[:limit]
    manifest = _manifest(program, model)
    check_memory(manifest, model, program.context_tokens(manifest))
    options = program.chat_options(manifest, AnswerOptions(seed=SEED, max_tokens=max_tokens))
    facts: Facts = {
        "model_sha256": sha256_of(model),
        "system": options.system,
        "max_tokens": options.max_tokens,
        "context_tokens": program.context_tokens(manifest),
        **asdict(options.sampling),
    }
    kept = AnswersFile(path=_answers_path(program, model, facts, listed), facts=facts)
    answers = kept.open(listed)
    if len(answers) < len(asked):
        engine = program.engine(manifest, saves_states=False)
        try:
            with _progress(model.name) as told:
                told(len(answers), len(asked))
                for answer in answer_questions(engine, asked[len(answers) :], options):
                    kept.append(answer)
                    answers.append(answer)
                    told(len(answers), len(asked))
        finally:
            engine.close()
    answers = answers[: len(asked)]
    return Generated(report=report_generation(model.name, answers), answers=answers, file=kept.path)


def write_page(program: Program, findings: Findings, path: Path) -> None:
    """In the language in use, as HTML or Markdown by the name's ending. Raises StorageError, UsageError."""
    require_page_name(path)
    page = compose(findings, language=program.settings.language, date=time.strftime("%Y-%m-%d"))
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.write_text(PAGES[path.suffix.lower()](page), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise storage_error(error, path) from error


def require_page_name(path: Path) -> None:
    """Before hours of measuring. Raises UsageError."""
    if path.suffix.lower() not in PAGES:
        raise click.UsageError(f"--page is a file ending in {' or '.join(PAGES)}, not «{path}».")
    if not path.absolute().parent.is_dir():
        raise click.UsageError(f"--page: there is no folder {path.absolute().parent}.")


def _manifest(program: Program, model: Path) -> Manifest:
    """As pupils use the file: by the manifest of this computer's models where it is one of them."""
    for manifest in program.models.all():
        file = program.models.file(manifest)
        if file.exists() and model.exists() and file.samefile(model):
            return manifest
    return manifest_of(model)


def _answers_path(
    program: Program, model: Path, facts: Facts, questions: Sequence[Question]
) -> Path:
    told = json.dumps([facts, [asdict(question) for question in questions]])
    key = hashlib.sha256(told.encode()).hexdigest()[:12]
    folder = make_folder(program.paths.data / "evaluation")
    return folder / f"answers-{model.stem}-{key}.jsonl"


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left on stderr, where that is a terminal."""
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True) as bar:

        def told(done: int, total: int) -> None:
            bar.length = max(1, total)
            bar.update(done - bar.pos)

        yield told
