"""`soro eval --generation`: a model answers questions as the tutor, and its answers are kept.

Knows where answers lie and how a model is used; what is counted of them is the evaluation's.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from soro_edge.commands.bars import Bar
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.evaluation.school.answers import (
    GenerationReport,
    GivenAnswer,
    answer_questions,
    report_generation,
)
from soro_edge.evaluation.school.answers_file import AnswersFile, Facts
from soro_edge.evaluation.school.questions import Question, by_turns, read_questions
from soro_edge.manifest import Manifest
from soro_edge.models import check_memory, manifest_of, sha256_of
from soro_edge.paths import make_folder

SEED = 1
"""Of the answers: the same file gives the same answers on the same computer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One model's answers and what was counted of them."""

    report: GenerationReport
    answers: Sequence[GivenAnswer]
    file: Path
    """Where the answers are kept."""


def run_generation(
    program: Program,
    model: Path,
    questions: Path,
    *,
    limit: int | None = None,
    max_tokens: int | None = None,
    fresh: bool = False,
) -> Generated:
    """Ask what was not asked before, and count.

    Raises EvaluationFailed, ModelError, EngineError, StorageError.
    """
    listed = by_turns(read_questions(questions))
    asked = listed[:limit]
    manifest = _manifest(program, model)
    check_memory(manifest, model, program.context_tokens(manifest))
    chat = program.chat_options(manifest, AnswerOptions(seed=SEED, max_tokens=max_tokens))
    facts: Facts = {
        "model_sha256": sha256_of(model),
        "system": chat.system,
        "max_tokens": chat.max_tokens,
        "context_tokens": program.context_tokens(manifest),
        **asdict(chat.sampling),
    }
    kept = AnswersFile(path=_answers_path(program, model, facts, listed), facts=facts)
    if fresh:
        kept.path.unlink(missing_ok=True)
    answers = kept.open(listed)
    if len(answers) < len(asked):
        engine = program.engine(manifest, saves_states=False)
        try:
            with Bar() as progress:
                progress.begin(model.name, len(asked), len(answers))
                for answer in answer_questions(engine, asked[len(answers) :], chat):
                    kept.append(answer)
                    answers.append(answer)
                    progress.advance(1)
        finally:
            engine.close()
    answers = answers[: len(asked)]
    return Generated(
        report=report_generation(model.name, answers, max_tokens=chat.max_tokens),
        answers=answers,
        file=kept.path,
    )


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
