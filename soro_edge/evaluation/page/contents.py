"""What the page says: for a school authority, in the language in use. Measures nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from soro_edge import __version__
from soro_edge.evaluation.divergence.report import DivergenceReport
from soro_edge.evaluation.page.divergence_section import (
    divergence_section,
    divergence_sentence,
    megabytes,
)
from soro_edge.evaluation.page.elements import Page, Section, Table
from soro_edge.evaluation.page.school_section import generation_section, generation_sentence
from soro_edge.evaluation.page.task_section import task_section, task_sentences
from soro_edge.evaluation.results import ModelFacts, Results
from soro_edge.evaluation.school.answers import GenerationReport, GivenAnswer
from soro_edge.locale import _


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was measured of one model; what was not is left out of the page."""

    model: str
    """Name of the file."""
    files: Sequence[ModelFacts] = ()
    """Every model file that was read."""
    tasks: Sequence[Results] = ()
    """The model's first, then those it is compared with."""
    quantization: DivergenceReport | None = None
    generation: Sequence[GenerationReport] = ()
    """The model's first, then those it is compared with."""
    answers: Sequence[GivenAnswer] = ()
    """Of the model."""


def compose(findings: Findings, *, language: str, date: str) -> Page:
    """The page. `language` is that in use, `date` as people write it."""
    findings = replace(findings, tasks=[_with_titles(one, language) for one in findings.tasks])
    sections, sentences = [], []
    if findings.tasks and findings.tasks[0].tasks:
        sections.append(task_section(findings.tasks))
        sentences += task_sentences(findings.tasks)
    if findings.quantization:
        sections.append(divergence_section(findings.quantization))
        sentences.append(divergence_sentence(findings.quantization))
    if findings.generation:
        sections.append(generation_section(findings.generation, findings.answers))
        sentences += [generation_sentence(report) for report in findings.generation]
    short = Section(heading=_("In short"), paragraphs=tuple(sentences))
    return Page(
        title=_("How good is {model}?").format(model=findings.model),
        language=language,
        date=date,
        sections=(short, *_what(findings), *sections, _how_sure()),
    )


def _with_titles(results: Results, language: str) -> Results:
    tasks = tuple(replace(task, title=task.title_in(language)) for task in results.tasks)
    return replace(results, tasks=tasks)


def _what(findings: Findings) -> list[Section]:
    """Files and tasks, so that another can measure the same."""
    if not findings.files:
        return []
    head = (_("File"), _("Size"), _("SHA-256 begins with"))
    rows = tuple((one.file, megabytes(one.size_bytes), one.sha256[:12]) for one in findings.files)
    tasks = findings.tasks[0].tasks if findings.tasks else ()
    told = tuple(
        _("{task}: {count} items, {shots} examples before each; version {version}.").format(
            task=task.title, count=f"{len(task.items):,}", shots=task.shots, version=task.version
        )
        for task in tasks
    )
    table = Table(head=head, rows=rows)
    return [Section(heading=_("What was measured"), paragraphs=told, tables=(table,))]


def _how_sure() -> Section:
    return Section(
        heading=_("How sure this is"),
        paragraphs=(
            _(
                "A figure from some texts or questions is not the truth about all. The thin lines at"
                " the ends of the bars, and the numbers in brackets, tell between which values the true"
                " one lies in 95 of 100 such trials. Where these of two models overlap widely, nobody can"
                " say which is better."
            ),
            _(
                "Everything was measured on one computer without internet, on the very file that goes to"
                " schools, with Soro Edge {version}."
            ).format(version=__version__),
        ),
    )
