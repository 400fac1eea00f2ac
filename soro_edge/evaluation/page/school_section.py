"""The page's part on answers to school questions, one or several models beside each other."""

from collections.abc import Callable, Sequence

from soro_edge.chat.messages import AnswerState
from soro_edge.evaluation.page.elements import (
    Bar,
    BarGroup,
    BarPlot,
    Example,
    Section,
    Table,
    percent,
)
from soro_edge.evaluation.school.answers import GenerationReport, GivenAnswer
from soro_edge.evaluation.statistics import interval
from soro_edge.locale import _

_EXAMPLES = 6
_LONGEST_EXAMPLE = 400


def generation_sentence(report: GenerationReport) -> str:
    """For the head of the page."""
    return _(
        "{model}: {order} of {count} answers to school questions are good in form: whole, without going"
        " in circles, in Tajik. Whether they are right was not judged."
    ).format(model=report.model, order=report.in_order, count=report.questions)


def generation_section(
    reports: Sequence[GenerationReport], answers: Sequence[GivenAnswer] = ()
) -> Section:
    """`answers` of the first model: some are shown."""
    return Section(
        heading=_("Answers to school questions"),
        paragraphs=(
            _(
                "Each question was asked as a pupil asks it, in a new conversation with the tutor. A program"
                " looked at the answers: it sees their letters and their form, not whether they are right."
            ),
        ),
        plots=(_plot(reports),),
        tables=(generation_table(reports),),
        examples=tuple(_examples(answers)),
    )


def _plot(reports: Sequence[GenerationReport]) -> BarPlot:
    counts: list[tuple[str, Callable[[GenerationReport], tuple[int, int]]]] = [
        (_("Good in form"), lambda one: (one.in_order, one.questions)),
        (_("Going in circles"), lambda one: (one.looped, one.questions)),
        (_("Cut off at the limit"), lambda one: (one.cut, one.questions)),
        (_("Empty"), lambda one: (one.empty, one.questions)),
        (_("Not in Tajik"), lambda one: (one.other_language, one.judged_language)),
    ]
    return BarPlot(
        title=_("How the answers ended, in percent"),
        groups=tuple(
            BarGroup(label=label, bars=tuple(_bar(one.model, *count(one)) for one in reports))
            for label, count in counts
        ),
        maximum=100,
        unit="%",
    )


def _bar(model: str, hits: int, count: int) -> Bar:
    low, high = interval(hits, count)
    share = hits / max(1, count)
    return Bar(
        name=model,
        value=100 * share,
        low=100 * low,
        high=100 * high,
        shown=f"{percent(share)} ({100 * low:.0f}–{100 * high:.0f})",
    )


def generation_table(reports: Sequence[GenerationReport]) -> Table:
    """One column for each model."""
    lines: list[tuple[str, Callable[[GenerationReport], str]]] = [
        (_("Questions"), lambda one: str(one.questions)),
        (_("Good in form"), lambda one: str(one.in_order)),
        (_("Whole"), lambda one: str(one.whole)),
        (_("Going in circles"), lambda one: str(one.looped)),
        (_("Cut off at the limit"), lambda one: str(one.cut)),
        (_("Empty"), lambda one: str(one.empty)),
        (_("Question too long"), lambda one: str(one.failed)),
        (
            _("Not in Tajik"),
            lambda one: _("{hits} of {count}").format(
                hits=one.other_language, count=one.judged_language
            ),
        ),
        (_("Limit of an answer, in tokens"), lambda one: f"{one.max_tokens:,}"),
        (_("Letters that are not Tajik"), lambda one: percent(one.foreign_letters)),
        (_("Words in an answer"), lambda one: f"{one.mean_words:.1f}"),
        (_("Letters in an answer"), lambda one: f"{one.mean_letters:.0f}"),
        (_("Words a second on this computer"), lambda one: f"{one.words_per_second:.1f}"),
        (_("Seconds to the first word"), lambda one: f"{one.first_word_seconds:.2f}"),
    ]
    return Table(
        head=(_("Counted"), *(one.model for one in reports)),
        rows=tuple((label, *(show(one) for one in reports)) for label, show in lines),
    )


def _examples(answers: Sequence[GivenAnswer]) -> list[Example]:
    """Spread evenly over the list, so that they are of several subjects."""
    step = max(1, len(answers) // _EXAMPLES)
    return [
        Example(
            question=answer.question.text,
            answer=_short(answer.text),
            note=", ".join(part for part in (answer.question.subject, _ending(answer)) if part),
        )
        for answer in answers[step // 2 :: step][:_EXAMPLES]
    ]


def _ending(answer: GivenAnswer) -> str:
    if answer.looped:
        return _("going in circles")
    match answer.state:
        case AnswerState.CUT:
            return _("cut off")
        case AnswerState.EMPTY:
            return _("empty")
        case _:
            return ""


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _LONGEST_EXAMPLE else text[:_LONGEST_EXAMPLE].rstrip() + " …"
