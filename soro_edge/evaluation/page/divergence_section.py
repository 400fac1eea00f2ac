"""The page's part on a model beside its reference, in words for people who know no statistics."""

from math import exp

from soro_edge.evaluation.divergence.report import DivergenceReport
from soro_edge.evaluation.divergence.summary import DivergenceSummary, Estimate
from soro_edge.evaluation.page.elements import Bar, BarGroup, BarPlot, Section, Table, percent
from soro_edge.evaluation.statistics import interval
from soro_edge.locale import _


def divergence_sentence(report: DivergenceReport) -> str:
    """For the head of the page."""
    same = report.summary.top1_agreement
    return _(
        "{model} has {size} of the reference's {whole} and chooses the same next piece of text in {same}"
        " of places (± {error})."
    ).format(
        model=report.model,
        size=megabytes(report.model_bytes),
        whole=megabytes(report.reference_bytes),
        same=percent(same.value),
        error=percent(1.96 * same.standard_error),
    )


def divergence_section(report: DivergenceReport) -> Section:
    """Plot: in how many places the two are how far apart."""
    return Section(
        heading=_("The model beside its reference"),
        paragraphs=(
            _(
                "A small file is made from a large one, the reference, by writing its numbers more coarsely."
                " Both read the text {text}, and at {positions} places we looked which continuation each"
                " holds to be likely. The nearer the two, the less was lost."
            ).format(text=report.text, positions=f"{report.summary.positions:,}"),
            _(
                "KL divergence is the distance of the two: 0 where they are equal. Perplexity tells how much"
                " the text surprised a model: the less, the better it foresaw the words."
            ),
            *remarks(report),
        ),
        plots=(_plot(report),),
        tables=(divergence_table(report),),
    )


def _plot(report: DivergenceReport) -> BarPlot:
    labels = (
        _("The same to the eye (below 0.01)"),
        _("Nearly the same (0.01 to 0.1)"),
        _("Different (0.1 to 1)"),
        _("Another continuation is likely (above 1)"),
    )
    count = report.summary.positions
    groups = []
    for label, share in zip(labels, report.summary.bands, strict=True):
        low, high = interval(round(share * count), count)
        bar = Bar(
            name=report.model,
            value=100 * share,
            low=100 * low,
            high=100 * high,
            shown=f"{percent(share)} ({100 * low:.1f}–{100 * high:.1f})",
        )
        groups.append(BarGroup(label=label, bars=(bar,)))
    return BarPlot(
        title=_("How far from the reference, in percent of places (KL divergence in nats)"),
        groups=tuple(groups),
        maximum=100,
        unit="%",
    )


def divergence_table(report: DivergenceReport) -> Table:
    """The model and its reference, side by side."""
    found = report.summary
    rows = [
        (_("KL divergence, mean"), _with_error(found.divergence, 4), "0"),
        (_("KL divergence, median"), f"{found.divergence_median:.4f}", "0"),
        (_("KL divergence, 99 of 100 below"), f"{found.divergence_99_percent:.3f}", "0"),
        (_("KL divergence, largest"), f"{found.divergence_maximum:.3f}", "0"),
        (
            _("Same first choice"),
            f"{percent(found.top1_agreement.value)}"
            f" ± {100 * found.top1_agreement.standard_error:.1f}",
            percent(1),
        ),
        (
            _("Perplexity"),
            _with_error(found.model_perplexity, 2),
            _with_error(found.reference_perplexity, 2),
        ),
        (_("Perplexity, ratio"), _ratio(found), "1"),
    ]
    if report.model_pieces != report.reference_pieces:
        rows.append(
            (
                _("Pieces in the vocabulary"),
                f"{report.model_pieces:,}",
                f"{report.reference_pieces:,}",
            )
        )
        rows.append(
            (
                _("Probability on other pieces"),
                percent(found.model_outside_shared_mass.value, 2),
                percent(found.reference_outside_shared_mass.value, 2),
            )
        )
    rows.append(
        (_("Size of the file"), megabytes(report.model_bytes), megabytes(report.reference_bytes))
    )
    return Table(head=(_("Measured"), report.model, report.reference), rows=tuple(rows))


def remarks(report: DivergenceReport) -> list[str]:
    """Where the two do not have the same pieces."""
    found = []
    if report.shared_pieces < report.reference_pieces:
        found.append(
            _(
                "The two have different vocabularies: they are compared over the {shared} pieces of text"
                " that both have."
            ).format(shared=f"{report.shared_pieces:,}")
        )
    if report.unaligned:
        found.append(
            _("At {places} places they cut the text differently; these were left out.").format(
                places=f"{report.unaligned:,}"
            )
        )
    if report.retokenized:
        found.append(
            _("Before {places} places an earlier word was cut differently; these count.").format(
                places=f"{report.retokenized:,}"
            )
        )
    if report.missing_tokens:
        pieces = " ".join(f"«{piece}»" for piece in report.missing_tokens)
        found.append(_("Pieces of this text that the model lacks: {pieces}").format(pieces=pieces))
    return found


def _ratio(found: DivergenceSummary) -> str:
    ratio = exp(found.log_perplexity_ratio.value)
    return f"{ratio:.3f} ± {ratio * found.log_perplexity_ratio.standard_error:.3f}"


def _with_error(estimate: Estimate, digits: int) -> str:
    return f"{estimate.value:,.{digits}f} ± {estimate.standard_error:,.{digits}f}"


def megabytes(size_bytes: int) -> str:
    return _("{size} MB").format(size=f"{size_bytes / 1e6:,.0f}")
