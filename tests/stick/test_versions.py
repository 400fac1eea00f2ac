"""Versions side by side, the way back, and pupils' work, which goes along."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from soro_edge.errors import DiskFull, HistoryBusy
from soro_edge.history import older
from soro_edge.history.older import history_steps
from soro_edge.history.store import History
from soro_edge.stick.errors import (
    NothingBefore,
)
from soro_edge.stick.going_back import go_back
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import install
from tests.stick.conftest import MakeStick, OrderOf, Silent
from tests.stick.installations import back, run, whole


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
