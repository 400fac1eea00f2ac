"""The page: whole without a network, honest with strange names, in 80 columns as Markdown."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from soro_edge import locale
from soro_edge.chat.messages import AnswerState
from soro_edge.evaluation.benchmarks.task import our_tasks
from soro_edge.evaluation.divergence.report import DivergenceReport
from soro_edge.evaluation.divergence.summary import DivergenceSummary, Estimate
from soro_edge.evaluation.page.bar_svg import bar_svg
from soro_edge.evaluation.page.contents import Findings, compose
from soro_edge.evaluation.page.elements import Bar, BarGroup, BarPlot, Page, Table, shortened
from soro_edge.evaluation.page.html import page_html
from soro_edge.evaluation.page.markdown import COLUMNS, bar_text, page_markdown, table_text
from soro_edge.evaluation.page.task_section import difference, round_maximum
from soro_edge.evaluation.results import BadItem, ItemScore, Metric, ModelFacts, Results, TaskResult
from soro_edge.evaluation.school.answers import GivenAnswer, report_generation
from soro_edge.evaluation.school.questions import SCHOOL_QUESTIONS, read_questions
from soro_edge.evaluation.statistics import interval

STRANGE = 'soro <script>alert("1")</script> & *b* | `c`.gguf'


def estimate(value: float) -> Estimate:
    return Estimate(value=value, standard_error=value / 20)


QUANTIZATION = DivergenceReport(
    model="soro-1b-q4_0.gguf",
    model_bytes=434_000_000,
    reference="soro-1b-bf16.gguf",
    reference_bytes=2_000_000_000,
    text="flores.txt",
    text_tokens=40_000,
    chunks=6,
    chunk_tokens=512,
    shared_pieces=32_768,
    model_pieces=32_768,
    reference_pieces=262_144,
    unaligned=3,
    retokenized=40,
    missing_tokens=(" the", "ing"),
    summary=DivergenceSummary(
        positions=1_527,
        divergence=estimate(0.05),
        divergence_median=0.02,
        divergence_99_percent=0.4,
        divergence_maximum=2.6,
        top1_agreement=estimate(0.82),
        model_perplexity=estimate(74.6),
        reference_perplexity=estimate(71.9),
        log_perplexity_ratio=estimate(0.036),
        model_outside_shared_mass=estimate(0.0),
        reference_outside_shared_mass=estimate(0.0036),
        bands=(0.14, 0.77, 0.087, 0.003),
    ),
)
ANSWERS = [
    GivenAnswer(
        question=question,
        text="Ин ҷавоб аст.\n\n<b>Ғафс</b> ва *моил*." * (number % 3),
        state=AnswerState.COMPLETE if number % 3 else AnswerState.EMPTY,
    )
    for number, question in enumerate(read_questions(SCHOOL_QUESTIONS))
]


def results(model: str, right: int, perplexity: float) -> Results:
    items = tuple(
        ItemScore(
            item=str(number),
            values={"acc": float(number < right), "acc_norm": 0.0, "bits_per_byte": 1.0},
        )
        for number in range(200)
    )

    def task(name: str, metric: Metric) -> TaskResult:
        return TaskResult(
            task=name.lower(),
            version=1,
            title=name,
            kind="text" if name == "FLORES" else "choice",
            data_sha256="ab",
            shots=5,
            metrics=(metric,),
            items=items,
            titles={"tg": f"{name} ба тоҷикӣ", "ru": f"{name} по-таджикски"},
            cut=2 if name == "FLORES" else 0,
            left_out=3 if name == "FLORES" else 0,
            context_tokens=4096,
            notes=("2 texts longer than the context of 4096 tokens were scored in windows",),
            bad=(BadItem(item="7", reason="an option is empty"),),
        )

    share = right / 200
    low, high = interval(right, 200)
    accuracy = Metric(name="acc", value=share, standard_error=0.03, low=low, high=high, chance=0.25)
    surprise = Metric(
        name="bits_per_byte",
        value=perplexity,
        standard_error=1,
        low=perplexity - 2,
        high=perplexity + 2,
        higher_is_better=False,
    )
    return Results(
        model=ModelFacts(name=model, file=model, size_bytes=1, sha256="ab"),
        tasks=(task("SIB-200", accuracy), task("FLORES", surprise)),
    )


def page(model: str = "soro-1b-q4_0.gguf", language: str = "en") -> Page:
    locale.use(language)
    reports = [report_generation(name, ANSWERS, max_tokens=96) for name in (model, "other.gguf")]
    findings = Findings(
        model=model,
        files=[results(model, 150, 33.0).model],
        tasks=[results(model, 150, 33.0), results("other.gguf", 120, 40.0)],
        quantization=replace(QUANTIZATION, model=model),
        generation=reports,
        answers=ANSWERS,
    )
    return compose(findings, language=language, date="2026-11-24")


class Reader(HTMLParser):
    """Collects tags and text, and complains where they are not closed in order."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_html_needs_nothing_else_and_runs_nothing() -> None:
    found = Reader(page_html(page()))
    assert not {"script", "link", "img", "iframe", "object"}.intersection(found.tags)
    names = {name for name, _value in found.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "href")]
    addresses = [value for name, value in found.attributes if value and "http" in value]
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page_html(page())


def test_whatever_a_file_is_called_it_is_shown_and_not_obeyed() -> None:
    found = Reader(page_html(page(STRANGE)))
    assert "script" not in found.tags
    assert STRANGE in found.text
    told = page_markdown(page(STRANGE))
    assert "<script>" not in re.sub(r"```text\n.*?```", "", told, flags=re.DOTALL)


def test_there_is_a_plot_for_each_comparison() -> None:
    shown = page_html(page())
    pictures = re.findall(r"<svg.*?</svg>", shown, re.DOTALL)
    titles = [ElementTree.fromstring(one).findtext("{*}title") for one in pictures]
    assert len(titles) == len(set(titles)) == 4  # shares, perplexity, reference, answers
    assert page_markdown(page()).count("```text") == 4


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_markdown_fits_into_80_columns(language: str) -> None:
    for name in ("soro-1b-q4_0.gguf", "soro-sllm-v2-gemma3-4b-instruct-q4_0-32768.gguf"):
        longest = max(page_markdown(page(name, language)).splitlines(), key=len)
        assert len(longest) <= COLUMNS, longest


def test_what_was_not_measured_is_not_there() -> None:
    told = page_markdown(compose(Findings(model="m.gguf"), language="en", date="-"))
    assert "reference" not in told
    assert "questions" not in told.replace("texts or questions", "")


def test_the_figures_are_on_the_page() -> None:
    for told in (page_markdown(page()), Reader(page_html(page())).text):
        assert "0.0500 ± 0.0025" in told
        assert "75.0\N{NO-BREAK SPACE}%" in told
        assert "+15.0 (p = " in told
        assert "FLORES: 2 texts longer than 4,096 tokens were read in parts." in told
        assert "FLORES: 3 items were left out" in told
        assert "guessing" in told and "25.0\N{NO-BREAK SPACE}%" in told
        assert "200 items, 5 examples" in told


@pytest.mark.parametrize("language", ["tg", "ru"])
def test_nothing_on_the_page_is_of_another_language(language: str) -> None:
    told = Reader(page_html(page(language=language))).text
    title = {"tg": "FLORES ба тоҷикӣ", "ru": "FLORES по-таджикски"}[language]
    assert title in told and "FLORES:" not in told
    for english in ("texts longer", "windows", "left out", "an option is empty", "guessing"):
        assert english not in told


@pytest.mark.parametrize("language", ["tg", "ru"])
def test_every_task_of_ours_has_a_title_in_the_language_of_the_page(language: str) -> None:
    titles = [task.titles.get(language, "") for task in our_tasks()]
    assert all(titles) and len(set(titles)) == len(titles)


def bars(*values: tuple[float, float, float], maximum: float = 100) -> BarPlot:
    return BarPlot(
        title="T",
        groups=tuple(
            BarGroup(
                label=f"g{number}",
                bars=(Bar(name="m", value=value, low=low, high=high, shown=f"{value:g}"),),
            )
            for number, (low, value, high) in enumerate(values)
        ),
        maximum=maximum,
        unit="%",
    )


def rectangles(plot: BarPlot) -> list[tuple[float, float]]:
    """Left end and width of each bar."""
    found = ElementTree.fromstring(bar_svg(plot)).findall(".//{*}rect")
    assert found
    return [(float(one.attrib["x"]), float(one.attrib["width"])) for one in found]


def test_a_bar_is_as_long_as_its_value() -> None:
    plot = bars((0, 0, 0), (20, 25, 30), (50, 50, 50), (90, 100, 100))
    widths = [width for _left, width in rectangles(plot)]
    assert widths[0] == 0
    assert widths[2] == pytest.approx(widths[3] / 2, abs=0.1)
    assert widths[1] == pytest.approx(widths[3] / 4, abs=0.1)
    drawn = bar_text(bars((0, 0, 0), (20, 50, 60), (100, 100, 100))).splitlines()[1::2]
    assert [line.count("█") + line.count("▓") for line in drawn] == [0, 15, 30]
    assert drawn[1].count("░") == 3


@pytest.mark.parametrize("maximum", [0.0, 1e-9, 5.0])
def test_no_value_leaves_the_picture(maximum: float) -> None:
    plot = bars((0, 50, 1e9), maximum=maximum)
    assert all(0 <= left <= left + width <= 720 for left, width in rectangles(plot))
    assert max(map(len, bar_text(plot).splitlines())) <= COLUMNS


@pytest.mark.parametrize(
    ("value", "maximum"), [(0.0, 1e-6), (1, 1), (1.1, 2), (42, 50), (99, 100), (0.3, 0.5)]
)
def test_an_axis_ends_at_a_round_number(value: float, maximum: float) -> None:
    assert round_maximum(value) == pytest.approx(maximum)


def test_a_long_name_keeps_its_end() -> None:
    names = [f"SmolLM2-135M-Instruct.Q4_{number}.gguf" for number in range(2)]
    head = ("Measured", *names)
    told = table_text(Table(head=head, rows=(("KL divergence, 99 of 100 below", "1", "2"),)))
    assert max(map(len, told.splitlines())) <= COLUMNS
    assert told.startswith("| Measured") and "Q4_0.gguf |" in told and "Q4_1.gguf |" in told
    assert shortened("short.gguf", 22) == "short.gguf"
    assert all(len(shortened(name, 22)) == 22 for name in names)


def test_a_table_too_wide_is_told_row_by_row() -> None:
    head = ("Task", *(f"model-with-a-long-name-{number}.gguf" for number in range(4)))
    told = table_text(Table(head=head, rows=(("SIB-200", "1", "2", "3", "4"),)))
    assert max(map(len, told.splitlines())) <= COLUMNS
    assert told.startswith("Task:\n\n- SIB-200: model-with-a-long-name-0.gguf: 1;")


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 7), (0, 0), (50, 100)])
def test_an_interval_holds_its_share_and_stays_within_0_and_1(hits: int, count: int) -> None:
    low, high = interval(hits, count)
    assert 0 <= low <= (hits / count if count else 0) <= high <= 1
    assert low < high


def test_the_interval_is_wilsons() -> None:
    assert interval(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert interval(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)


def test_models_are_compared_on_the_same_items_of_the_same_data() -> None:
    ours, theirs = (results(name, right, 1).tasks[0] for name, right in (("a", 150), ("b", 120)))
    found = difference(ours, theirs)
    assert found is not None
    assert (found.difference, found.higher, found.lower) == (0.15, 30, 0)
    assert difference(ours, replace(theirs, version=2)) is None
    assert difference(ours, replace(theirs, data_sha256="cd")) is None
    assert difference(ours, replace(theirs, items=theirs.items[:50])) is not None
    assert difference(ours, replace(theirs, items=())) is None
