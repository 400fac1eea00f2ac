"""`soro eval --against`, `--generation` and `--page`: builds what they need, prints tables, writes the page.

What is printed is English, the page in the language in use.
"""

import json
import textwrap
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soro_edge import locale
from soro_edge.commands.bars import Bar
from soro_edge.commands.evaluate import (
    COLUMNS,
    model_file,
    packages_present,
    refuse_missing_folder,
)
from soro_edge.commands.program import Program
from soro_edge.models import sha256_of
from soro_edge.paths import write_whole

if TYPE_CHECKING:
    from soro_edge.commands.evaluation_generation import Generated
    from soro_edge.evaluation.divergence.report import DivergenceReport
    from soro_edge.evaluation.page.contents import Findings
    from soro_edge.evaluation.results import ModelFacts, Results

PAGE_ENDINGS = (".html", ".md")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What the maker asked for beside tasks."""

    against: str | None = None
    """The reference: a GGUF file, or a model of this computer."""
    text: Path | None = None
    """What both read; None takes ours."""
    chunks: int = 0
    """0 reads all of it."""
    generation: str | None = None
    """File with questions; empty takes ours, None asks nothing."""
    max_tokens: int | None = None
    limit: int | None = None
    """Of the questions."""
    compare: str | None = None
    """Another model that answers the questions, or results in JSON, which cannot."""
    page: Path | None = None
    output: Path | None = None
    """JSON."""
    as_json: bool = False
    """Print the same JSON instead of tables."""
    fresh: bool = False
    """Measure again what was measured before."""

    @property
    def other(self) -> str | None:
        return None if self.compare is None or self.compare.endswith(".json") else self.compare

    @property
    def measures(self) -> bool:
        return self.against is not None or self.generation is not None

    def check(self, program: Program) -> None:
        """What cannot be read or written is told before hours of measuring. Raises UsageError,
        SoroError."""
        if self.text is not None and self.against is None:
            raise click.UsageError("--text is read with --against REFERENCE.gguf.")
        if self.page is not None and self.page.suffix.lower() not in PAGE_ENDINGS:
            raise click.UsageError(f"--page ends in .html or .md, not «{self.page}».")
        for file in (self.page, self.output):
            if file is not None:
                refuse_missing_folder(file)
        if not self.measures:
            return
        with packages_present():
            from soro_edge.evaluation.divergence.corpus import read_corpus
            from soro_edge.evaluation.school.questions import read_questions
        for model in (self.against, self.other):
            if model is not None:
                model_file(program, model)
        if self.text is not None:
            read_corpus(self.text)
        if self.generation:
            read_questions(Path(self.generation))


def run_reports(
    program: Program, model: str, options: ReportOptions, results: "Sequence[Results]"
) -> None:
    """Measure what was asked for, print it, write JSON and page; `results` of tasks go onto the page
    too. Raises SoroError."""
    with packages_present():
        from soro_edge.evaluation.page.contents import Findings
    path = model_file(program, model)
    # What is printed for the maker is English, whatever the interface speaks.
    with locale.using("en"):
        quantization = _against(program, path, options)
        compared = [] if options.other is None else [model_file(program, options.other)]
        generated = _generated(program, [path, *compared], options)
    if options.output is None and options.page is None and not options.as_json:
        return
    reference = [] if options.against is None else [model_file(program, options.against)]
    findings = Findings(
        model=path.name,
        files=[_facts(file) for file in (path, *reference, *compared)],
        tasks=results,
        quantization=quantization,
        generation=[one.report for one in generated],
        answers=generated[0].answers if generated else (),
    )
    _write_and_tell(program, findings, generated, options)


def _write_and_tell(
    program: Program, findings: "Findings", generated: "Sequence[Generated]", options: ReportOptions
) -> None:
    """The results as JSON and as a page, and where they are. Raises StorageError."""
    document = _json(findings, generated if options.measures else None)
    if options.output is not None:
        write_whole(options.output, document.encode("utf-8"))
    if options.page is not None:
        write_page(program, findings, options.page)
    if options.as_json:
        click.echo(document, nl=False)
    files = (("results", options.output), ("page", options.page))
    written = [f"{name}: {file}" for name, file in files if file is not None]
    if written:
        click.echo("\n" + "\n".join(written), err=options.as_json)


def _against(program: Program, path: Path, options: ReportOptions) -> "DivergenceReport | None":
    if options.against is None:
        return None
    from soro_edge.evaluation.divergence.corpus import default_corpus, read_corpus
    from soro_edge.evaluation.divergence.report import report_divergence
    from soro_edge.evaluation.page.divergence_section import divergence_table, remarks
    from soro_edge.evaluation.page.markdown import table_text

    text = default_corpus() if options.text is None else read_corpus(options.text)
    with Bar() as progress:
        report = report_divergence(
            path,
            model_file(program, options.against),
            text,
            most_chunks=options.chunks or None,
            threads=program.threads,
            journals=program.paths.data / "evaluation",
            fresh=options.fresh,
            progress=progress,
        )
    if options.as_json:
        return report
    click.echo(
        f"\n{report.text}: {report.summary.positions:,} positions"
        f" in {report.chunks} x {report.chunk_tokens} tokens"
    )
    click.echo(table_text(divergence_table(report)))
    for remark in remarks(report):
        click.echo(textwrap.fill(f"  note: {remark}", COLUMNS, subsequent_indent="    "))
    return report


def _generated(
    program: Program, models: Sequence[Path], options: ReportOptions
) -> "list[Generated]":
    if options.generation is None:
        return []
    from soro_edge.commands.evaluation_generation import run_generation
    from soro_edge.evaluation.page.markdown import table_text
    from soro_edge.evaluation.page.school_section import generation_table
    from soro_edge.evaluation.school.questions import SCHOOL_QUESTIONS

    questions = Path(options.generation) if options.generation else SCHOOL_QUESTIONS
    found = [
        run_generation(
            program,
            one,
            questions,
            limit=options.limit,
            max_tokens=options.max_tokens,
            fresh=options.fresh,
        )
        for one in models
    ]
    if options.as_json:
        return found
    click.echo("\n" + table_text(generation_table([one.report for one in found])))
    for one in found:
        click.echo(f"  answers: {one.file}")
    return found


def write_page(program: Program, findings: "Findings", path: Path) -> None:
    """In the language in use, as HTML or Markdown by the name's ending. Raises StorageError."""
    from soro_edge.evaluation.page.contents import compose
    from soro_edge.evaluation.page.html import page_html
    from soro_edge.evaluation.page.markdown import page_markdown

    page = compose(findings, language=program.settings.language, date=time.strftime("%Y-%m-%d"))
    written = page_html(page) if path.suffix.lower() == ".html" else page_markdown(page)
    write_whole(path, written.encode("utf-8"))


def _json(findings: "Findings", generated: "Sequence[Generated] | None") -> str:
    """The results of tasks, if there are some, with the reports beside them where some were made."""
    from soro_edge.evaluation.results import Results

    results = findings.tasks[0] if findings.tasks else Results(model=findings.files[0], tasks=())
    if generated is None:
        return results.json()
    found = json.loads(results.json())
    found["compared"] = [json.loads(one.json()) for one in findings.tasks[1:]]
    found["quantization"] = findings.quantization.as_json() if findings.quantization else None
    found["generation"] = [
        {**asdict(one.report), "answers": [asdict(answer) for answer in one.answers]}
        for one in generated
    ]
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def _facts(model: Path) -> "ModelFacts":
    from soro_edge.evaluation.results import ModelFacts

    size = model.stat().st_size
    return ModelFacts(name=model.stem, file=model.name, size_bytes=size, sha256=sha256_of(model))
