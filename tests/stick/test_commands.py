"""`soro usb …` as people run it: what they read, exit codes, portable mode, the real program."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from soro_edge import cli, locale
from soro_edge.commands import usb_install
from soro_edge.commands.usb_start import make_portable
from soro_edge.engine.api import LoadMode
from soro_edge.engine.tuning import Tuning, processor_name, write_tuning
from soro_edge.errors import NoFolder, SoroError
from soro_edge.history.store import History
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths, installation_folder, shipped_models
from soro_edge.stick.errors import StickReadOnly
from soro_edge.stick.installed import Installation, Pointer, running_installation
from soro_edge.stick.installing import locked
from soro_edge.stick.launchers import Launchers, menu_entry
from soro_edge.stick.signing import make_key
from tests.stick.conftest import MakeStick, write_bundle, write_model

GB = 1_000_000_000
CHECKOUT = Path(__file__).parents[2]
FROZEN = f"""#!{sys.executable}
# Stands for the packaged program: this checkout, called as PyInstaller's would be.
import os, runpy, sys
sys.path.insert(0, {str(CHECKOUT)!r})
sys.frozen, sys.executable = True, os.path.abspath(__file__)
if sys.argv[1:2] == ["-m"]:
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__")
else:
    from soro_edge.cli import main
    main()
"""


def usb(*words: object, given: str = "") -> tuple[int, str]:
    """Exit code and all that was told."""
    done = CliRunner().invoke(
        cli.soro, ["usb", *map(str, words)], input=given, standalone_mode=False
    )
    if isinstance(done.exception, SoroError):
        told = f"{done.output}{done.exception}\n{done.exception.advice}"
        return done.exception.exit_code, told
    if isinstance(done.exception, click.Abort):
        return cli.INTERRUPTED, done.output
    assert done.exception is None, done.exc_info
    return done.return_value or 0, done.output


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    locale.use("en")


def test_keygen_make_check_install_back_remove(
    tmp_path: Path, tiny_model: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SORO_PASSPHRASE", "")
    assert usb("keygen", "--no-passphrase")[0] == 0
    code, told = usb("keygen", "--no-passphrase")
    assert code == 10 and "is a maker's key already" in told
    model = write_model(tmp_path / "models", "tiny", tiny_model, memory_bytes=GB // 10)
    for version in ("1.0", "2.0"):
        bundle = write_bundle(tmp_path / version, version)
        code, told = usb(
            *("make", tmp_path / f"s{version}", "--model", model, "--linux", bundle),
            *("--without", "windows", "--release", int(float(version))),
        )
        assert code == 0 and "written and read back" in told
    code, told = usb("check", tmp_path / "s1.0")
    assert code == 0 and "files are whole" in told and "Signed with the key" in told
    (tmp_path / "s1.0" / "soro" / "autorun.inf").write_text("virus")
    assert "never opened: soro/autorun.inf" in usb("check", tmp_path / "s1.0")[1]
    code, told = usb("install", tmp_path / "s1.0", "--no-tune")
    assert code == 0 and "Installed: Soro 1.0." in told and "«Душанбе»" in told
    code, told = usb("install", tmp_path / "s2.0", "--no-tune")
    assert code == 0 and "Updated: Soro 2.0 instead of 1.0." in told
    assert usb("install", tmp_path / "s1.0", "--no-tune")[0] == 10
    code, told = usb("back")
    assert code == 0 and "The version before runs again: Soro 1.0" in told
    code, told = usb("back")
    assert code == 0 and "The newer version runs again: Soro 2.0" in told
    (own_home / "kept").write_text("work")
    code, told = usb("remove", given="не\n")
    assert code == 0 and "Nothing was deleted." in told and installation_folder().exists()
    assert usb("remove", "--yes") == (0, "Deleted.\n")
    assert not installation_folder().exists() and (own_home / "kept").exists()
    assert usb("back")[0] == 10


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("check", "/nowhere"), "This is no stick of Soro: /nowhere"),
        (("install", "/nowhere"), "This is no stick of Soro: /nowhere"),
        (("start",), "This is no stick of Soro"),
        (("back", "--to", "/nowhere"), "Soro is not installed in /nowhere"),
        (("make", "nowhere", "--key", "/nowhere"), "The maker's key cannot be used: /nowhere"),
    ],
)
def test_a_bad_day_is_one_sentence_a_hint_and_a_code(words: tuple[str, ...], told: str) -> None:
    code, words_told = usb(*words)
    assert code == 10 and told in words_told and words_told.count("\n") == 1


def test_an_installation_that_cannot_be_written_is_told(make: MakeStick, read_only: Path) -> None:
    code, told = usb("install", make(), "--to", read_only / "soro")
    assert code == 6 and "Nothing can be written to the folder" in told


def test_the_list_of_numbers_is_in_the_language_chosen(make: MakeStick) -> None:
    root = make()
    code, told = usb("start", root, given="6\n3\n7\n0\n")
    assert code == 0 and "Write one of the numbers" in told and "files are whole" in told
    assert "флешкаро санҷидан" in told.split("files are whole")[1]


def test_an_error_is_told_and_the_list_comes_again(make: MakeStick) -> None:
    root = make()
    (root / "soro" / "linux" / "soro" / "VERSION").write_text("9.9\n")
    code, told = usb("start", root, given="3\n0\n")
    assert code == 10 and "is damaged: soro/linux/soro/VERSION" in told
    assert told.count("check the stick") == 2


def test_portable_mode_says_that_a_stick_cannot_be_written(tmp_path: Path, read_only: Path) -> None:
    (tmp_path / "soro").mkdir()
    assert make_portable(tmp_path) == tmp_path / "soro" / "soro-data"
    with pytest.raises(StickReadOnly):
        make_portable(read_only)


def test_a_program_finds_what_came_with_it_and_the_sticks_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SORO_HOME")
    program = tmp_path / "stick" / "soro" / "linux" / "soro" / "soro"
    (tmp_path / "stick" / "soro" / "soro-models").mkdir(parents=True)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program))
    assert shipped_models() == tmp_path / "stick" / "soro" / "soro-models"
    assert find_paths().mode == "system"
    make_portable(tmp_path / "stick")
    assert find_paths().mode == "portable"
    assert find_paths().data == tmp_path / "stick" / "soro" / "soro-data"
    assert find_paths(portable=False).mode == "system"
    # Above the stick nothing is looked for.
    monkeypatch.setattr(sys, "executable", str(tmp_path / "stick/soro/soro-models/a/b/c/soro"))
    assert find_paths().mode == "system"


def test_an_installed_program_knows_its_own_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    program = Installation(tmp_path).program("1.0-ab")
    monkeypatch.setattr(sys, "executable", str(program))
    assert running_installation() is None
    Installation(tmp_path).pointer_file.write_text("current 1.0-ab\n")
    assert running_installation() == Installation(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "stick/soro/linux/soro/soro"))
    assert running_installation() is None


def test_a_release_is_told_as_a_date_where_it_is_one() -> None:
    assert usb_install._release(20261124135446) == "2026-11-24 13:54"
    assert [usb_install._release(number) for number in (7, 10**18)] == ["7", str(10**18)]


def test_launchers_and_menu_entries_of_both_systems(tmp_path: Path) -> None:
    installation = Installation(tmp_path / 'Soro "50 %" $HOME')
    installation.folder.mkdir()
    installation.point_to(Pointer(current="2.0-ab", previous="1.0-cd", release=2, key="00"))
    environ = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "d"),
        "APPDATA": str(tmp_path),
    }
    for windows in (True, False):
        launchers = Launchers(installation, windows=windows)
        launchers.write()
        entry = launchers.write_menu(environ)
        assert entry == menu_entry(environ, windows=windows) and entry.exists()
        if windows:
            content = launchers.program.read_bytes()
            assert content.isascii() and content.count(b"\n") == content.count(b"\r\n")
        else:
            command = tmp_path / ".local" / "bin" / "soro"
            assert command.readlink() == launchers.program
            assert '\\\\"50 %%\\\\" \\\\$HOME' in entry.read_text()
        launchers.remove_menu(environ)
        assert not entry.exists()
    assert not command.is_symlink()
    command.write_text("another program")
    launchers.write_menu(environ)
    assert command.read_text() == "another program"


def test_the_double_click_hands_over_to_what_is_installed_where_that_starts(
    make: MakeStick, tmp_path: Path
) -> None:
    root = make("1.0")
    command, environ = ["sh", str(root / "start-linux.sh")], {**os.environ, "SORO_TERMINAL": "1"}

    def click_on_it() -> str:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        return done.stdout.strip()

    assert click_on_it() == f"1.0 usb start {root}"
    installed = tmp_path / "person" / ".local" / "lib" / "soro-edge" / "soro"
    installed.parent.mkdir(parents=True)
    installed.write_text('#!/bin/sh\necho "installed $*"\n')
    installed.chmod(0o755)
    assert click_on_it() == f"installed usb start {root}"
    installed.write_text("#!/bin/sh\nexit 1\n")
    assert click_on_it() == f"1.0 usb start {root}"


def test_the_windows_double_click_quotes_every_path(make: MakeStick) -> None:
    start = (make() / "START-WINDOWS.cmd").read_text()
    assert 'set "SORO_STICK=%~dp0"' in start
    for line in start.splitlines():
        assert "SORO_HERE%" not in line or '"%SORO_HERE%"' in line
    assert start.index('call "%SORO_HERE%" usb start') < start.index("soro.exe")


def test_from_the_stick_only_what_was_signed_runs(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = make()
    ran: list[list[str]] = []

    class Ended:
        returncode = 0

    def run(command: list[str], **_all: object) -> Ended:
        ran.append(command)
        return Ended()

    assert usb("install", root, "--no-tune")[0] == 0
    own = Installation(installation_folder())
    monkeypatch.setattr("soro_edge.commands.usb_start.subprocess.run", run)
    monkeypatch.setattr("soro_edge.commands.usb_start.total_memory_bytes", lambda: 4 * GB)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(own.program(own.installed().current)))
    assert usb("start", root, given="2\n0\n")[0] == 0
    assert ran == [[str(root / "soro" / "linux" / "soro" / "soro")]]
    make_key(tmp_path / "other.key", "")
    other = make("2.0", 2, signed_by=tmp_path / "other.key")
    code, told = usb("start", other, given="2\n0\n")
    assert code == 10 and "from other people" in told
    words = root / "soro" / "soro-models" / "large.toml"
    for changed in (words, root / "soro" / "linux" / "soro" / "_internal" / "data" / "3.bin"):
        content = changed.read_bytes()
        changed.write_bytes(content + b"#")
        code, told = usb("start", root, given="2\n0\n")
        assert code == 10 and f"is damaged: {changed.relative_to(root).as_posix()}" in told
        changed.write_bytes(content)
    # The stick's own program compares the model's manifest too.
    monkeypatch.setattr(sys, "executable", ran[0][0])
    words.write_bytes(words.read_bytes() + b"#")
    assert usb("start", root, given="2\n0\n")[0] == 10
    assert len(ran) == 1


def test_removing_what_was_tried_out_leaves_the_persons_menu(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = menu_entry(os.environ, windows=False)
    entry.parent.mkdir(parents=True)
    entry.write_text("of another installation")
    assert usb("install", make(), "--no-tune")[0] == 0
    assert usb("remove", "--yes")[0] == 0
    assert entry.read_text() == "of another installation"
    # The person's own, where no SORO_HOME is named: with its entry, and not while it is busy.
    monkeypatch.delenv("SORO_HOME")
    assert usb("install", make(), "--no-tune")[0] == 0
    assert entry.read_text() != "of another installation"
    with locked(Installation(installation_folder())):
        assert usb("remove", "--yes")[0] == 10
    assert entry.exists()
    assert usb("remove", "--yes")[0] == 0
    assert not entry.exists() and not installation_folder().exists()


def test_what_runs_is_not_half_deleted(make: MakeStick, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows does where a file of the folder is open."""
    assert usb("install", make(), "--no-tune")[0] == 0
    before = sorted(installation_folder().rglob("*"))

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(13, f"{path} is in use")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        code, told = usb("remove", "--yes")
    assert code == 10 and "in use" in told and "Deleted." not in told
    assert sorted(installation_folder().rglob("*")) == before
    assert usb("remove", "--yes") == (0, "Deleted.\n")


def test_the_windows_entry_is_ascii_for_a_cyrillic_name_and_sets_the_code_page_elsewhere(
    tmp_path: Path,
) -> None:
    """cmd.exe reads a batch file in the console's code page."""
    local = tmp_path / "Ҷамшед" / "AppData" / "Local"
    environ = {"LOCALAPPDATA": str(local), "APPDATA": str(tmp_path)}
    usual = Launchers(Installation(local / "Programs" / "soro-edge"), windows=True)
    entry = usual.write_menu(environ)
    assert entry is not None and entry.read_bytes().isascii()
    assert b'call "%LOCALAPPDATA%\\Programs\\soro-edge\\soro.cmd" %*\r\n' in entry.read_bytes()
    other = Launchers(Installation(tmp_path / "Сурӯ 50 %"), windows=True)
    other.write_menu(environ)
    lines = entry.read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if "Сурӯ 50 %%" in line)
    assert any(line.startswith("chcp 65001") for line in lines[:begin])


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
    ModelFolder(paths=paths).add(model)
    tuning = Tuning(
        processor=processor_name(),
        cores=os.cpu_count() or 1,
        threads=1,
        prefill_threads=1,
        battery_threads=1,
        prefill_batch_tokens=64,
        flash_attention=True,
        load_mode=LoadMode.READ,
        repack=True,
    )
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
    ModelFolder(paths=paths).add(tiny_model)
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
        assert (
            ", None" not in page
            and "tokens a second" in page
            and "ValueError" in page
            and "a.py" in page
        )
        assert "Фарзона" not in page and str(tmp_path) not in page
    done = CliRunner().invoke(cli.soro, ["doctor", "--to-stick", "/nowhere"], standalone_mode=False)
    assert isinstance(done.exception, NoFolder)
