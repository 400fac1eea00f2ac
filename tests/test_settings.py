"""One bad setting is told with its source, and hides no other."""

from pathlib import Path

import pytest

from soro_edge.errors import BadOption, BadVariable, NoSetting, SettingsError, SettingsNotReadable
from soro_edge.settings import Settings, examine_settings, read_settings


def settings_file(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_bad_line_leaves_the_others_in_force(tmp_path: Path) -> None:
    file = settings_file(
        tmp_path, 'language = "ru"\nthreads = "many"\ncolour = 5\nmax_tokens = 9\n'
    )
    reading = examine_settings(file, {})
    assert reading.settings == Settings(language="ru", max_tokens=9)
    assert {type(fault) for fault in reading.faults} == {NoSetting, SettingsError}
    with pytest.raises(NoSetting, match="colour"):
        read_settings(file, {})


def test_behind_a_bad_variable_the_files_line_is_in_force(tmp_path: Path) -> None:
    file = settings_file(tmp_path, 'language = "ru"\n')
    reading = examine_settings(file, {"SORO_LANGUAGE": "xx"}, {"profile": "../x"})
    assert reading.settings == Settings(language="ru")
    assert {type(fault) for fault in reading.faults} == {BadVariable, BadOption}


def test_a_file_that_cannot_be_read_leaves_the_variables_in_force(tmp_path: Path) -> None:
    reading = examine_settings(settings_file(tmp_path, "language = "), {"SORO_THREADS": "2"})
    assert reading.settings == Settings(threads=2)
    assert [type(fault) for fault in reading.faults] == [SettingsNotReadable]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"language = {'[' * 100}{']' * 100}", "«[…]»"),
        ("language = { a = 1 }", "«{…}»"),
        (f'language = "{"x" * 9000}"', "x…»"),
        (r'language = "\u001b]0;title\u0007"', "« ]0;title »"),
        (r'language = "a\nb"', "«a b»"),
        (f"threads = 0x{'f' * 5000}", "«…»"),
        ("threads = 1e400", "«inf»"),
        ("threads = true", "«True»"),
        ("max_tokens = 99999999999999999999", "≤ 1048576"),
        (rf'"{"y" * 300}\u001b" = 1', "yyy…»"),
    ],
)
def test_a_wrong_value_is_shown_on_one_short_line(tmp_path: Path, line: str, told: str) -> None:
    [fault] = examine_settings(settings_file(tmp_path, line), {}).faults
    assert told in str(fault)
    assert str(fault).replace(str(tmp_path), "").isprintable() and len(str(fault)) < 300
