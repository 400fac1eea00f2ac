"""`soro bench` looks whether the memory suffices before it measures, and says what it does meanwhile."""

import json

import pytest
from click.testing import CliRunner

from soro_edge import cli, locale
from soro_edge.bench.report import STEPS, Report, Tell
from soro_edge.commands import bench, usb_prepare
from soro_edge.model_errors import NotEnoughMemory
from tests.bench.test_table import report

pytestmark = pytest.mark.usefixtures("known_starter")


@pytest.fixture(autouse=True)
def quiet_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "others_share", lambda: 0.0)


def too_little(*_given: object) -> None:
    raise NotEnoughMemory(need_mb=9, free_mb=1)


def measured(*_given: object, rounds: int, tell: Tell) -> Report:
    for number in range(rounds):
        for step in range(len(STEPS)):
            tell(number, step)
    return report()


def test_where_memory_is_short_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "check_memory", too_little)
    monkeypatch.setattr(bench, "measure", lambda *_given, **_named: pytest.fail("measured"))
    told = CliRunner().invoke(cli.soro, ["bench"], standalone_mode=False)
    assert isinstance(told.exception, NotEnoughMemory)


def test_at_the_end_of_an_installation_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usb_prepare, "read_tuning", lambda _file: "tuned")
    monkeypatch.setattr(usb_prepare, "check_memory", too_little)
    told = CliRunner().invoke(cli.soro, ["usb", "prepare"], standalone_mode=False)
    assert isinstance(told.exception, NotEnoughMemory)


@pytest.mark.parametrize("language", ["en", "tg", "ru"])
def test_every_step_is_told_in_words_and_not_as_a_number(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr(bench, "check_memory", lambda *_given: None)
    monkeypatch.setattr(bench, "measure", measured)
    told = CliRunner().invoke(cli.soro, ["--language", language, "bench", "--rounds", "2"])
    assert told.exit_code == 0, told.exception
    locale.use(language)
    told_of_rounds = told.stderr.splitlines()[1:]
    assert len(told_of_rounds) == 2 * len(STEPS)
    assert all(locale._(STEPS[n % len(STEPS)]) in line for n, line in enumerate(told_of_rounds))
    assert "±2 %" in told.stdout and "_" not in told.stdout


def test_json_is_one_line_on_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "check_memory", lambda *_given: None)
    monkeypatch.setattr(bench, "measure", measured)
    told = CliRunner().invoke(cli.soro, ["bench", "--json", "--rounds", "1"])
    assert json.loads(told.stdout)["rounds"] == 3 and told.stdout.count("\n") == 1


def test_that_others_are_at_work_is_told_before_it_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "check_memory", lambda *_given: None)
    monkeypatch.setattr(bench, "measure", measured)
    monkeypatch.setattr(bench, "others_share", lambda: 0.9)
    told = CliRunner().invoke(cli.soro, ["bench"])
    assert told.stderr.startswith("Other programs keep the processor busy")
