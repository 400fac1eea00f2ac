"""`soro usb …` as people run it: what they read, exit codes, portable mode, the real program."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from soro_edge.commands import usb_install
from soro_edge.commands.usb_start import make_portable
from soro_edge.paths import find_paths, installation_folder, shipped_models
from soro_edge.stick.errors import StickReadOnly
from soro_edge.stick.installed import Installation, running_installation
from soro_edge.stick.signing import is_sealed
from tests.stick.calling import usb
from tests.stick.conftest import GB, MakeStick, write_bundle, write_model


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


@pytest.mark.parametrize("closed", [False, True])
def test_without_a_terminal_no_passphrase_is_asked_and_no_key_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, closed: bool
) -> None:
    key = tmp_path / "maker.key"
    if closed:
        # As `<&-` leaves it; the runner puts a stream of its own there.
        monkeypatch.setattr("soro_edge.commands.usb_make.sys", SimpleNamespace(stdin=None))
    code, told = usb("keygen", "--key", key)
    assert code == 10 and "passphrase of the maker's key cannot be asked for" in told
    assert "SORO_PASSPHRASE" in told and told.count("\n") == 1 and not key.exists()
    monkeypatch.setenv("SORO_PASSPHRASE", "махфӣ")
    assert usb("keygen", "--key", key)[0] == 0 and is_sealed(key)
    monkeypatch.delenv("SORO_PASSPHRASE")
    assert "is a maker's key already" in usb("keygen", "--key", key)[1]


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
    code, told = usb("start", root, given="x\n3\n7\n0\n")
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
