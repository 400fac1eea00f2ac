"""The real program as a stick brings it: installed, measured, its page for the stick."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from soro_edge import cli
from soro_edge.commands.usb_start import make_portable
from soro_edge.engine.tuning import write_tuning
from soro_edge.errors import NoFolder
from soro_edge.history.store import History
from soro_edge.model_adding import add_model
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths, installation_folder
from soro_edge.stick.errors import PageNotWritten
from soro_edge.stick.installed import Installation
from soro_edge.stick.launchers import Launchers
from tests.engine.measured import TUNING
from tests.stick.calling import FROZEN, usb
from tests.stick.conftest import GB, MakeStick, write_bundle, write_model


@pytest.mark.native
def test_the_real_program_is_installed_answers_and_is_measured_as_one_that_is_packaged(
    make: MakeStick, tmp_path: Path, tiny_model: Path, own_home: Path
) -> None:
    bundle = write_bundle(tmp_path / "real", "3.0")
    (bundle / "soro").write_text(FROZEN)
    model = write_model(tmp_path / "models", "tiny", tiny_model, memory_bytes=GB // 10)
    key = tmp_path / "maker.key"
    code, _told = usb(
        *("make", tmp_path / "s", "--model", model, "--linux", bundle, "--without", "windows"),
        *("--key", key),
    )
    assert code == 0
    program = tmp_path / "s" / "soro" / "linux" / "soro" / "soro"
    done = subprocess.run([program, "usb", "install", "--no-tune"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Model: Model tiny." in done.stdout
    assert not (own_home / "verified.json").exists(), "the test must not write where pupils work"
    installed = Launchers(Installation(installation_folder())).program
    told = subprocess.run([installed, "models", "list"], capture_output=True, text=True).stdout
    assert "* tiny " in told
    moved = subprocess.run(
        [program, "ask", "x", "--max-tokens", "4"],
        capture_output=True,
        text=True,
        env={**os.environ, "SORO_HOME": str(make_portable(tmp_path / "s"))},
    )
    assert moved.returncode in (0, 7), moved.stderr


@pytest.mark.native
def test_the_end_of_an_installation_reads_the_first_words_ahead(
    tmp_path: Path, tiny_model: Path, own_home: Path
) -> None:
    model = write_model(tmp_path, "tiny", tiny_model, memory_bytes=GB // 10)
    with model.with_suffix(".toml").open("a") as words:
        words.write(f'[prompt]\nsystem = "{"You teach children. " * 6}"\n')
    paths = find_paths()
    add_model(ModelFolder(paths=paths), model, "", trial=lambda _file, _manifest: None)
    tuning = replace(TUNING, threads=1, prefill_threads=1, battery_threads=1)
    write_tuning(paths.tuning_file, tuning)
    assert usb("prepare")[0] == 0
    assert len(list(paths.states_folder.glob("*.state"))) == 1


@pytest.mark.native
def test_the_page_for_the_stick_tells_of_the_machine_and_nothing_of_pupils(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The home folder holds a person's name.
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = find_paths()
    add_model(ModelFolder(paths=paths), tiny_model, "", trial=lambda _file, _manifest: None)
    with History.open(paths.history_file("default")) as history:
        history.new_conversation().add_question("Рози дили Фарзона")
    paths.logs.mkdir(parents=True)
    (paths.logs / "fault.log").write_text(
        'Traceback\n  File "a.py", line 3, in ask\n    x()\nValueError: Рози дили Фарзона\n'
    )
    (tmp_path / "stick").mkdir()
    for number in (1, 2):
        done = CliRunner().invoke(
            cli.soro, ["doctor", "--to-stick", str(tmp_path / "stick")], standalone_mode=False
        )
        assert done.return_value == 0 and f"soro-computer-{number}.txt" in done.output
        page = (tmp_path / "stick" / f"soro-computer-{number}.txt").read_text("utf-8-sig")
        assert "x24, utf-8" in page and ", None" not in page
        assert "tokens a second" in page and "ValueError" in page and "a.py" in page
        assert "Фарзона" not in page and str(tmp_path) not in page
    done = CliRunner().invoke(cli.soro, ["doctor", "--to-stick", "/nowhere"], standalone_mode=False)
    assert isinstance(done.exception, NoFolder)


def test_a_page_that_cannot_be_written_is_told_with_a_hint_for_the_stick(
    read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soro_edge.commands.machine_page.examine", lambda _program: iter([]))
    done = CliRunner().invoke(
        cli.soro, ["doctor", "--to-stick", str(read_only)], standalone_mode=False
    )
    assert isinstance(done.exception, PageNotWritten) and "another stick" in done.exception.advice
