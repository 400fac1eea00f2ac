"""The table of `soro bench`: units, better or worse, how far the rounds agree; readable at 80 columns."""

import json
from dataclasses import replace

import pytest

from soro_edge import locale
from soro_edge.bench.report import Figure, Report, _figure
from soro_edge.bench.table import comparison, is_busy, table_lines

NAMES = (
    "tokens_per_second",
    "prefill_tokens_per_second",
    "load_seconds",
    "peak_megabytes",
    *(f"first_token_turn_{number}_seconds" for number in range(1, 6)),
    "first_token_again_seconds",
    "first_token_pasted_seconds",
    "first_token_typed_seconds",
    "first_token_restored_seconds",
    "first_token_restored_when_asked_seconds",
    "first_token_typed_to_pasted",
    "start_to_first_paint_seconds",
)


def figure(name: str, ratio: float | None = 1.0, spread: float | None = 0.02) -> Figure:
    bare = None if ratio is None else 12345.6
    return Figure(name=name, soro=12345.6, bare=bare, ratio=ratio, spread=spread)


def report(**changes: Figure) -> Report:
    figures = tuple(changes.get(name, figure(name)) for name in NAMES)
    return Report(model="Tiny", threads=1, rounds=3, others_share=0.0, figures=figures)


@pytest.mark.parametrize(
    ("ratio", "spread", "more_is_better", "told"),
    [
        (1.02, 0.0, True, "equal"),
        (0.98, 0.0, False, "equal"),
        (1.5, 0.01, True, "1.5× better"),
        (1.5, 0.01, False, "1.5× worse"),
        (0.05, 0.01, False, "20× better"),
        (0.5, 0.01, True, "2.0× worse"),
        (1.05, 0.01, True, "1.05× better"),
        (1.5, 0.6, True, "equal"),  # the rounds differ by more than the two sides
        (None, 0.1, True, ""),
        (0.0, 0.1, True, ""),
    ],
)
def test_more_is_not_always_better(
    ratio: float | None, spread: float, more_is_better: bool, told: str
) -> None:
    assert comparison(figure("x", ratio, spread), more_is_better=more_is_better) == told


def test_a_rounds_ratio_is_taken_in_the_round_and_the_spread_of_the_ratios() -> None:
    pairs = [
        {"soro": 10.0, "bare": 10.0, "ratio": 1.0},
        {"soro": 30.0, "bare": 25.0, "ratio": 1.2},
        {"soro": 20.0, "bare": 25.0, "ratio": 0.8},
    ]
    made = _figure("tokens_per_second", pairs)
    assert (made.soro, made.bare, made.ratio) == (20.0, 25.0, 1.0)
    assert made.spread == pytest.approx(0.2)
    assert _figure("x", pairs[:1]).spread is None
    assert _figure("x", [{"soro": 1.0}, {"soro": 3.0}]).spread == pytest.approx(0.5)


def test_rounds_that_disagree_are_marked_and_the_computer_is_called_busy() -> None:
    calm = report()
    assert not is_busy(calm) and "Busy" not in "\n".join(table_lines(calm))
    odd = report(load_seconds=figure("load_seconds", 6.25, 0.4))
    text = "\n".join(table_lines(odd))
    assert is_busy(odd) and "±40 % !" in text and "measure again" in text
    assert is_busy(replace(calm, others_share=0.5))


def test_one_round_says_that_it_knows_nothing_of_chance() -> None:
    single = replace(report(**{name: figure(name, spread=None) for name in NAMES}), rounds=1)
    text = "\n".join(table_lines(single))
    assert "±" not in text and "--rounds 3" in text


@pytest.mark.parametrize("language", ["en", "tg", "ru"])
def test_every_line_fits_into_80_columns_and_holds_no_key(language: str) -> None:
    locale.use(language)
    wide = report(
        **{name: figure(name, 0.012, 0.99) for name in NAMES},
    )
    lines = table_lines(wide)
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert not [line for line in lines if "_" in line]
    assert len([line for line in lines if "±99 %" in line]) == len(NAMES) - 1


def test_json_has_the_same_keys_in_every_language() -> None:
    locale.use("tg")
    told = json.loads(report().as_json())
    assert {*NAMES, "rounds", "model", "threads", "others_share"} == told.keys()
    assert told["load_seconds"] == {"soro": 12345.6, "bare": 12345.6, "ratio": 1.0, "spread": 0.02}
