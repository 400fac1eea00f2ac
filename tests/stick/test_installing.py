"""An installation is whole or not there; what ran before runs until the new version has answered."""

import hashlib
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from soro_edge.errors import DiskFull, HistoryBusy, NoModel
from soro_edge.history import older
from soro_edge.history.older import history_steps
from soro_edge.history.store import History
from soro_edge.stick import installing
from soro_edge.stick.choosing import files_for, runnable_from_stick
from soro_edge.stick.errors import (
    InstallationBusy,
    InstallationDamaged,
    NoModelFits,
    NoRoom,
    NothingBefore,
    OlderStick,
    SelfTestFailed,
    StickDamaged,
    StickUnreadable,
    UntrustedStick,
    WrongComputer,
)
from soro_edge.stick.going_back import go_back
from soro_edge.stick.installed import Facts, Installation
from soro_edge.stick.installing import Order, Step, install, locked
from soro_edge.stick.launchers import Launchers
from soro_edge.stick.manifest import Group
from soro_edge.stick.reading import open_stick
from soro_edge.stick.signing import make_key
from tests.stick.conftest import GB, MakeStick, OrderOf, Silent


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


def run(installation: Installation, *words: str, back: bool = False) -> str:
    launchers = Launchers(installation)
    program = launchers.back if back else launchers.program
    return subprocess.run([program, *words], capture_output=True, text=True).stdout.strip()


def back(installation: Installation, data: Path) -> Facts:
    return go_back(installation, data, lambda path: None)


def whole(installation: Installation, order: Order) -> bool:
    """Whether all that the pointer promises is there, byte for byte."""
    pointer = installation.installed()
    folder = installation.version(pointer.current)
    return all(
        hashlib.sha256((folder / file.target).read_bytes()).hexdigest() == file.sha256
        for file in order.stick.manifest.files
        if file.group in (Group.LINUX, Group.BANK) or file.model == "large"
    )


def test_what_was_installed_is_what_was_signed_and_it_starts(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    order, progress = order_of(make()), Silent()
    done = install(order, progress)
    assert (done.version, done.version_before, done.answer) == ("1.0", "", "Душанбе")
    assert whole(installation, order)
    assert progress.bytes == 0, "the bar must end at its end"
    assert run(installation, "--version") == "1.0 --version"


@pytest.mark.parametrize("at", list(Step))
@pytest.mark.parametrize("update", [False, True])
def test_killed_at_any_step_the_old_version_runs_and_the_next_run_ends_it(
    make: MakeStick, order_of: OrderOf, installation: Installation, at: Step, update: bool
) -> None:
    if update:
        install(order_of(make("1.0", 1)), Silent())
    order = order_of(make("2.0", 2))

    class KillAt(Silent):
        def begin(self, step: Step, total_bytes: int) -> None:
            super().begin(step, total_bytes)
            if step is at:
                raise Killed

    with pytest.raises(Killed):
        install(order, KillAt())
    switched = at is Step.TIDY
    if update or switched:
        assert run(installation, "x") == ("2.0 x" if switched else "1.0 x")
    else:
        assert installation.read() is None
    done = install(order, Silent())
    assert run(installation, "x") == "2.0 x" and whole(installation, order)
    if at is not Step.COPY:
        assert done.copied_bytes == 0, "what was copied must not be copied again"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_killed_in_the_middle_of_the_bytes_it_goes_on_from_there(
    make: MakeStick, order_of: OrderOf, installation: Installation, share: float
) -> None:
    order = order_of(make(), model="large")

    class KillAt(Silent):
        def advance(self, count: int) -> None:
            super().advance(count)
            if self.bytes > -total * (1 - share):
                raise Killed

    total = sum(f.size_bytes for f in files_for(order.stick.manifest, Group.LINUX, None))
    total += next(
        model.size_bytes for model in order.stick.manifest.models if model.name == "large"
    )
    with pytest.raises(Killed):
        install(order, KillAt())
    assert installation.read() is None
    done = install(order, Silent())
    assert whole(installation, order)
    assert done.copied_bytes < total * (1 - share) + (1 << 20)


def test_a_file_that_was_torn_on_the_disk_is_copied_anew(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    """A power cut may leave zeros where bytes were said to be."""
    order = order_of(make(), model="large")
    install(order, Silent())
    model = installation.version(order.stick.id) / "soro-models" / "large.gguf"
    content = model.read_bytes()
    for torn in (content[:50_000] + bytes(10_000), bytes(len(content)), content + b"x", b""):
        model.write_bytes(torn)
        install(order, Silent())
        assert whole(installation, order)


@pytest.mark.parametrize("inside", ["linux/soro/_internal/data/3.bin", "soro-banks/physics.bank"])
def test_one_flipped_byte_on_the_stick_is_refused_and_the_old_version_stays(
    make: MakeStick, order_of: OrderOf, installation: Installation, inside: str
) -> None:
    install(order_of(make("1.0", 1)), Silent())
    root = make("2.0", 2)
    flip(root / "soro" / inside)
    with pytest.raises(StickDamaged, match=Path(inside).name):
        install(order_of(root), Silent())
    assert run(installation, "x") == "1.0 x"


def test_a_flipped_byte_in_a_model_is_refused_unless_the_version_before_has_it_whole(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    first, second = make("1.0", 1), make("2.0", 2)
    flip(second / "soro" / "soro-models" / "large.gguf")
    with pytest.raises(StickDamaged):
        install(order_of(second), Silent())
    assert installation.read() is None
    install(order_of(first), Silent())
    order = order_of(second)
    install(order, Silent())
    assert whole(installation, order)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_two_files_swapped_are_refused(make: MakeStick, order_of: OrderOf) -> None:
    root = make()
    folder = root / "soro" / "linux" / "soro" / "_internal" / "data"
    one, other = (folder / "3.bin").read_bytes(), (folder / "4.bin").read_bytes()
    assert len(one) == len(other)
    (folder / "3.bin").write_bytes(other)
    (folder / "4.bin").write_bytes(one)
    with pytest.raises(StickDamaged):
        install(order_of(root), Silent())


def test_a_stick_that_ends_early_or_loses_files_is_told_by_name(
    make: MakeStick, order_of: OrderOf
) -> None:
    root = make()
    file = root / "soro" / "linux" / "soro" / "_internal" / "data" / "3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StickDamaged, match=r"3\.bin"):
        install(order_of(root), Silent())
    file.unlink()
    with pytest.raises(StickDamaged, match=r"3\.bin"):
        install(order_of(root), Silent())


def test_a_pulled_stick_is_told_and_put_in_again_it_goes_on(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    root = make()
    order = order_of(root, model="large")
    away = root.with_name("away")

    class Pull(Silent):
        def advance(self, count: int) -> None:
            super().advance(count)
            if root.exists():
                root.rename(away)

    with pytest.raises(StickUnreadable):
        install(order, Pull())
    away.rename(root)
    install(order, Silent())
    assert whole(installation, order)


def test_a_link_on_the_stick_is_not_followed(make: MakeStick, order_of: OrderOf) -> None:
    root = make()
    file = root / "soro" / "linux" / "soro" / "_internal" / "data" / "3.bin"
    kept = file.with_name("other")
    file.rename(kept)
    file.symlink_to(kept)
    with pytest.raises(StickUnreadable):
        install(order_of(root), Silent())
    file.unlink()
    kept.rename(file)
    folder = file.parent
    folder.rename(root / "elsewhere")
    folder.symlink_to(root / "elsewhere")
    with pytest.raises(StickUnreadable):
        install(order_of(root), Silent())


def test_only_the_first_makers_sticks_are_installed(
    make: MakeStick, order_of: OrderOf, installation: Installation, tmp_path: Path
) -> None:
    install(order_of(make("1.0", 1)), Silent())
    make_key(tmp_path / "other.key", "")
    with pytest.raises(UntrustedStick):
        install(order_of(make("2.0", 2, signed_by=tmp_path / "other.key")), Silent())
    assert run(installation, "x") == "1.0 x"


@pytest.mark.parametrize("damage", ["", "curr", "current 2.0\nrelease x\nkey 00\n", "\udcff\0"])
def test_a_damaged_pointer_is_made_anew_and_no_other_maker_is_trusted(
    make: MakeStick, order_of: OrderOf, installation: Installation, tmp_path: Path, damage: str
) -> None:
    install(order_of(make("1.0", 1)), Silent())
    second = order_of(make("2.0", 2))
    install(second, Silent())
    pointer = installation.installed()
    whole_file = installation.pointer_file.read_bytes()
    damaged = damage.encode("utf-8", "surrogateescape")
    installation.pointer_file.write_bytes(damaged)
    assert installation.read() == pointer
    make_key(tmp_path / "other.key", "")
    with pytest.raises(UntrustedStick):
        install(order_of(make("3.0", 3, signed_by=tmp_path / "other.key")), Silent())
    with pytest.raises(OlderStick):
        install(order_of(make("1.0", 1)), Silent())
    install(second, Silent())
    assert installation.pointer_file.read_bytes() == whole_file
    assert run(installation, "x") == "2.0 x"
    # A piece of the file alone is damage too.
    for end in range(len(whole_file)):
        installation.pointer_file.write_bytes(whole_file[:end])
        assert installation.read() == pointer


def test_a_damaged_pointer_without_versions_is_told(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    installation.folder.mkdir(parents=True)
    installation.pointer_file.write_bytes(b"\xff\n")
    with pytest.raises(InstallationDamaged):
        install(order_of(make()), Silent())


def test_an_older_stick_is_refused_also_after_going_back(
    make: MakeStick, order_of: OrderOf, installation: Installation, own_home: Path
) -> None:
    first, second = make("1.0", 1), make("2.0", 2)
    install(order_of(first), Silent())
    install(order_of(second), Silent())
    with pytest.raises(OlderStick):
        install(order_of(first), Silent())
    back(installation, own_home)
    assert run(installation, "x") == "1.0 x"
    with pytest.raises(OlderStick):
        install(order_of(first), Silent())
    install(order_of(second), Silent())
    assert run(installation, "x") == "2.0 x"


def test_the_same_again_repairs_and_copies_nothing_that_is_whole(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    order = order_of(make())
    install(order, Silent())
    assert install(order, Silent()).copied_bytes == 0
    damaged = installation.version(order.stick.id) / "soro" / "_internal" / "data" / "5.bin"
    size = damaged.stat().st_size
    damaged.write_bytes(b"?" * size)
    assert install(order, Silent()).copied_bytes == size
    assert whole(installation, order)


def test_a_version_that_does_not_answer_never_runs(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    install(order_of(make("1.0", 1)), Silent())
    with pytest.raises(SelfTestFailed):
        install(order_of(make("2.0", 2, answer="")), Silent())
    assert run(installation, "x") == "1.0 x"


def test_back_and_forth_by_the_launcher_of_the_version_before(
    make: MakeStick, order_of: OrderOf, installation: Installation, own_home: Path
) -> None:
    install(order_of(make("1.0", 1)), Silent())
    with pytest.raises(NothingBefore):
        back(installation, own_home)
    install(order_of(make("2.0", 2)), Silent())
    assert run(installation, back=True) == f"1.0 usb back --to {installation.folder}"
    facts = back(installation, own_home)
    assert facts.version == "1.0" and run(installation, "x") == "1.0 x"
    back(installation, own_home)
    assert run(installation, "x") == "2.0 x"


def test_only_the_last_two_versions_are_kept_and_an_unchanged_model_is_one_file(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    for number in (1, 2, 3):
        done = install(order_of(make(f"{number}.0", number)), Silent())
    versions = sorted(path.name[:3] for path in (installation.folder / "versions").iterdir())
    assert versions == ["2.0", "3.0"]
    model = installation.version(done.id) / "soro-models" / "large.gguf"
    assert model.stat().st_nlink == 2
    assert done.copied_bytes < model.stat().st_size


def test_damage_in_a_shared_model_is_repaired_without_writing_through_the_link(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    first = order_of(make("1.0", 1))
    install(first, Silent())
    old = installation.version(first.stick.id) / "soro-models" / "large.gguf"
    old.write_bytes(b"?" * old.stat().st_size)
    order = order_of(make("2.0", 2))
    install(order, Silent())
    assert whole(installation, order) and old.read_bytes()[:1] == b"?"


def test_a_split_model_is_joined(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    root = make(part_bytes=70_000)
    assert (root / "soro" / "soro-models" / "large.gguf.002").exists()
    assert not (root / "soro" / "soro-models" / "large.gguf").exists()
    order = order_of(root)
    install(order, Silent())
    assert whole(installation, order)
    one, two = (root / "soro" / "soro-models" / f"large.gguf.00{n}" for n in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    (installation.version(order.stick.id) / "soro-models" / "large.gguf").unlink()
    with pytest.raises(StickDamaged):
        install(order, Silent())


def test_the_largest_model_that_fits_is_taken(make: MakeStick, order_of: OrderOf) -> None:
    root = make()
    assert install(order_of(root, memory_bytes=4 * GB), Silent()).model == "Model large"
    assert install(order_of(root, memory_bytes=2 * GB), Silent()).model == "Model small"
    assert install(order_of(root, model="small"), Silent()).model == "Model small"
    with pytest.raises(NoModelFits):
        install(order_of(root, memory_bytes=GB // 2), Silent())
    with pytest.raises(NoModel):
        install(order_of(root, model="none"), Silent())


def test_from_the_stick_itself_only_models_in_one_piece_run(make: MakeStick) -> None:
    whole_models = open_stick(make("1.0")).manifest
    assert runnable_from_stick(whole_models) == whole_models
    assert runnable_from_stick(open_stick(make("2.0", part_bytes=70_000)).manifest).models == ()


def test_a_smaller_choice_takes_the_earlier_model_away(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    order = order_of(make())
    install(order, Silent())
    install(order_of(make(), model="small"), Silent())
    folder = installation.version(order.stick.id) / "soro-models"
    assert sorted(path.name for path in folder.iterdir()) == ["small.gguf", "small.toml"]


def test_the_model_that_was_chosen_is_the_one_that_is_tested(
    make: MakeStick, order_of: OrderOf
) -> None:
    root = make(answer="$SORO_MODEL")
    assert install(order_of(root), Silent()).answer == "large"
    assert install(order_of(root, model="small"), Silent()).answer == "small"


@pytest.mark.parametrize("left", [{"large.toml", "large.gguf"}, {"large.toml"}, {"large.gguf"}])
def test_what_an_interrupted_choice_left_is_gone_before_the_next_one_is_tested(
    make: MakeStick, order_of: OrderOf, installation: Installation, left: set[str]
) -> None:
    order = order_of(make(), model="small")
    models = installation.version(order.stick.id) / "soro-models"
    models.mkdir(parents=True)
    for file in order.stick.manifest.of(Group.MODEL):
        if Path(file.path).name in left:
            content = order.stick.sources(file)[0].read_bytes()
            cut = len(content) // (1 if file.path.endswith(".toml") else 2)
            (models / Path(file.path).name).write_bytes(content[:cut])
    seen: list[str] = []

    class Look(Silent):
        def begin(self, step: Step, total_bytes: int) -> None:
            if step is Step.KEEP:
                seen.extend(sorted(path.name for path in models.iterdir()))

    install(order, Look())
    assert seen == ["small.gguf", "small.toml"]


def test_a_choice_that_fails_its_test_leaves_the_model_that_runs(
    make: MakeStick,
    order_of: OrderOf,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = order_of(make())
    install(order, Silent())

    def fail(*_all: object) -> str:
        raise SelfTestFailed(reason="?")

    monkeypatch.setattr("soro_edge.stick.program.InstalledProgram.answer", fail)
    with pytest.raises(SelfTestFailed):
        install(order_of(make(), model="small"), Silent())
    assert whole(installation, order)


def test_a_model_that_is_in_use_stays_and_hinders_nothing_else(
    make: MakeStick,
    order_of: OrderOf,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = order_of(make())
    install(order, Silent())
    unlink = Path.unlink

    def in_use(path: Path, missing_ok: bool = False) -> None:
        if path.name == "large.gguf":
            raise PermissionError(13, "in use")
        unlink(path, missing_ok)

    (installation.version(order.stick.id) / "soro-models" / "other.gguf").touch()
    monkeypatch.setattr(Path, "unlink", in_use)
    install(order_of(make(), model="small"), Silent())
    folder = installation.version(order.stick.id) / "soro-models"
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["large.gguf", "small.gguf", "small.toml"]


def test_nothing_is_copied_where_it_would_not_fit(
    make: MakeStick,
    order_of: OrderOf,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installing, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(NoRoom):
        install(order_of(make()), Silent())
    assert list((installation.folder / "versions").iterdir()) == []


def test_a_disk_that_fills_up_is_told_and_the_next_run_goes_on(
    make: MakeStick,
    order_of: OrderOf,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = order_of(make())
    from soro_edge.stick import copying

    def full(writing: object, chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_write_all", full)
        with pytest.raises(DiskFull):
            install(order, Silent())
    install(order, Silent())
    assert whole(installation, order)


def test_two_installations_at_once_are_one(
    make: MakeStick, order_of: OrderOf, installation: Installation, own_home: Path
) -> None:
    order = order_of(make())
    installation.folder.mkdir(parents=True)
    with locked(installation), pytest.raises(InstallationBusy):
        install(order, Silent())
    install(order, Silent())
    with locked(installation), pytest.raises(InstallationBusy):
        back(installation, own_home)


def test_a_stick_without_a_program_for_this_system_is_told(
    make: MakeStick, order_of: OrderOf
) -> None:
    from dataclasses import replace

    order = order_of(make())
    for system in (Group.WINDOWS, None):
        with pytest.raises(WrongComputer):
            install(replace(order, system=system), Silent())


def test_pupils_work_goes_along_over_two_versions_and_back(
    make: MakeStick, order_of: OrderOf, installation: Installation, own_home: Path
) -> None:
    file = own_home / "profiles" / "Фарзона" / "history.sqlite3"
    with History.open(file) as history:
        history.new_conversation().add_question("Пеш аз навсозӣ")
    install(order_of(make("1.0", 1)), Silent())
    assert install(order_of(make("2.0", 2)), Silent()).histories_kept == 0
    newer = history_steps() + 1
    assert install(order_of(make("3.0", 3, steps=newer)), Silent()).histories_kept == 1
    kept = file.with_name(f"history.before-{newer - 1}.sqlite3")
    with History.open(kept) as history:
        assert len(history.conversations()) == 1
    # What the newer program would do: another table, another question.
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("ALTER TABLE messages ADD COLUMN subject TEXT")
        connection.execute(f"PRAGMA user_version = {newer}")
        connection.execute("UPDATE messages SET text = text || '!'")
    newer_files: list[Path] = []
    go_back(installation, own_home, newer_files.append)
    assert len(newer_files) == 1 and newer_files[0].exists()
    with History.open(file) as history:
        [conversation] = history.conversations()
        assert [one.text for one in history.messages(conversation.id)] == ["Пеш аз навсозӣ!"]


def test_back_waits_until_no_window_has_the_history_open(
    make: MakeStick,
    order_of: OrderOf,
    installation: Installation,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("soro_edge.history.older._WAIT_SECONDS", 0.05)
    install(order_of(make("1.0", 1)), Silent())
    install(order_of(make("2.0", 2)), Silent())
    with History.open(own_home / "profiles" / "a" / "history.sqlite3") as history:
        history.new_conversation().add_question("?")
        with pytest.raises(HistoryBusy):
            back(installation, own_home)
    assert run(installation, "x") == "2.0 x"
    back(installation, own_home)
    assert run(installation, "x") == "1.0 x"


def test_back_with_many_pupils_changes_all_histories_or_none_and_tells_what_it_keeps(
    make: MakeStick,
    order_of: OrderOf,
    installation: Installation,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("soro_edge.history.older._WAIT_SECONDS", 0.05)
    newer = history_steps() + 1
    install(order_of(make("1.0", 1)), Silent())
    install(order_of(make("2.0", 2, steps=newer)), Silent())
    files = [own_home / "profiles" / name / "history.sqlite3" for name in ("a", "b", "c")]
    for file in files:
        with History.open(file) as history:
            history.new_conversation().add_question("?")
    window = History.open(files[1])
    for file in files:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(f"PRAGMA user_version = {newer}")
    kept: list[Path] = []
    with pytest.raises(HistoryBusy):
        go_back(installation, own_home, kept.append)
    window.close()
    assert kept == [] and not list(own_home.glob("profiles/*/history.newer-*"))
    bring = older._bring_rows

    def full(newer: Path, target: Path, steps: int) -> None:
        if target.parent.name == "b":
            raise OSError(28, "No space left on device")
        bring(newer, target, steps)

    with monkeypatch.context() as patch, pytest.raises(DiskFull):
        patch.setattr(older, "_bring_rows", full)
        go_back(installation, own_home, kept.append)
    assert [path.parent.name for path in kept] == ["a"] and kept[0].exists()
    assert run(installation, "x") == "2.0 x"
    go_back(installation, own_home, kept.append)
    assert [path.parent.name for path in kept] == ["a", "b", "c"]
    assert run(installation, "x") == "1.0 x"
    for file in files:
        with History.open(file) as history:
            assert len(history.conversations()) == 1
