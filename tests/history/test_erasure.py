"""What was deleted is nowhere in the folder: its raw bytes are searched, as somebody with the disk would."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from soro_edge.chat.messages import AnswerState
from soro_edge.errors import ConversationGone, DiskFull, HistoryBusy, NoConversation
from soro_edge.history import erasure
from soro_edge.history.backup import copy_database
from soro_edge.history.database import connect
from soro_edge.history.files import HistoryFiles
from soro_edge.history.store import History
from soro_edge.history.trash import UNDO_SECONDS
from tests.history.damages import fill, flip_the_middle, titles

SECRETS = ("зебуннисохонум", "дурафшонии", "шарифмоҳ")
"""A word of the question, one of the answer, and a title."""


def tell_secrets(history: History) -> int:
    log = history.new_conversation()
    log.add_question(f"{SECRETS[0].capitalize()} кист? " + "Пуркунанда. " * 400)
    log.write_answer(log.begin_answer(), f"Ӯ {SECRETS[1]} аст.", AnswerState.COMPLETE)
    assert log.id is not None
    history.rename(log.id, SECRETS[2])
    return log.id


def tell_more(history: History) -> None:
    for number in range(30):
        log = history.new_conversation()
        log.add_question(f"Саволи дигар {number} зебо дур шариф")
        log.write_answer(log.begin_answer(), "Ҷавоби кӯтоҳ. " * number, AnswerState.COMPLETE)


def secrets_on_disk(folder: Path) -> dict[str, list[str]]:
    """Which files hold something of them, as it was written or as it is searched."""
    found: dict[str, list[str]] = {}
    for file in folder.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        for secret in SECRETS:
            # FTS5 leaves out what a word shares with the one before it.
            endings = (secret[2:], secret[2:].replace("ҳ", "х"))
            if any(ending.encode() in data for ending in endings):
                found.setdefault(file.name, []).append(secret)
    return found


@contextmanager
def killed(path: Path) -> Iterator[History]:
    """A history whose process ends without closing it."""
    history = History.open(path)
    yield history
    history._database.close()
    history._gate.leave()


def test_a_deleted_conversation_is_nowhere_in_the_folder(path: Path) -> None:
    fill(path)
    with History.open(path) as history:
        secret = tell_secrets(history)
        tell_more(history)
        assert secrets_on_disk(path.parent)
        history.delete(secret)
        assert secrets_on_disk(path.parent) == {}
        assert history.search("дароз") and history.search("пуркунанда") == []
    assert secrets_on_disk(path.parent) == {}


def test_it_leaves_the_backup_and_every_kept_copy_too(path: Path) -> None:
    with History.open(path) as history:
        secret = tell_secrets(history)
        tell_more(history)
    files = HistoryFiles(path)
    for copy in ("damaged", "damaged-backup", "newer"):
        copy_database(path, files.dated(copy))
    strange = files.dated("newer")
    strange.write_text(SECRETS[0])
    files.main.with_name("history.before-2.sqlite3").write_bytes(path.read_bytes())
    HistoryFiles(files.dated("lost")).wal.write_text(SECRETS[0])  # the file itself was gone
    assert files.backup.name in secrets_on_disk(path.parent)
    with History.open(path) as history:
        history.delete(secret)
        left = len(history.conversations())
        assert secrets_on_disk(path.parent) == {}
    assert files.backup.exists()
    assert not strange.exists()
    assert len(files.copies("before", "newer")) == 2
    for whole in files.copies("before", "newer"):
        with closing(connect(whole)) as connection:
            rows = connection.execute("SELECT count(*) FROM conversations").fetchone()
            assert rows == (left,)
    path.unlink()
    with History.open(path) as history:
        assert len(history.conversations()) == left
        assert secrets_on_disk(path.parent) == {}


def test_a_conversation_in_the_trash_is_gone_for_the_eye_and_comes_back_whole(
    history: History,
) -> None:
    secret = tell_secrets(history)
    log, before = history.conversation(secret), history.messages(secret)
    answer = log.begin_answer()
    listed = history.conversations()
    history.trash(secret)
    assert history.conversations() == []
    assert history.search(SECRETS[0]) == history.search(SECRETS[2]) == []
    assert log.messages() == []
    for call in (history.describe, history.messages, history.conversation, history.trash):
        with pytest.raises(NoConversation):
            call(secret)
    for write in (
        lambda: log.add_question("Боз?"),
        log.begin_answer,
        lambda: log.write_answer(answer, "Боз", AnswerState.COMPLETE),
        lambda: history.rename(secret, "Дигар"),
    ):
        with pytest.raises(ConversationGone):
            write()
    history.restore(secret)
    assert history.messages(secret)[: len(before)] == before
    assert [line.id for line in history.conversations()] == [line.id for line in listed]
    assert history.search(SECRETS[0]) and history.search(SECRETS[2])
    with pytest.raises(ConversationGone):
        history.restore(secret)


def test_the_trash_is_emptied_after_a_minute_and_not_before(path: Path) -> None:
    now = 1_000_000.0
    with History.open(path, clock=lambda: now) as history:
        tell_more(history)
        secret = tell_secrets(history)
        history.trash(secret)
        now += UNDO_SECONDS - 1
        history.purge()
        history.restore(secret)
        history.trash(secret)
        now += UNDO_SECONDS
        history.purge()
        with pytest.raises(ConversationGone):
            history.restore(secret)
        assert secrets_on_disk(path.parent) == {}


def test_closing_empties_the_trash_of_this_window_alone(path: Path) -> None:
    with History.open(path) as history:
        secret, other = tell_secrets(history), tell_secrets(history)
        with History.open(path) as second:
            history.trash(other)
            second.trash(secret)
        with pytest.raises(ConversationGone):
            history.restore(secret)
        history.restore(other)
        history.trash(other)
    assert secrets_on_disk(path.parent) == {}


def test_what_a_killed_program_deleted_is_erased_at_the_next_start(path: Path) -> None:
    erased: list[str] = []
    fill(path)
    with killed(path) as history:
        history.trash(tell_secrets(history))
    assert secrets_on_disk(path.parent)
    with History.open(path, erase_elsewhere=lambda: erased.append("states")) as history:
        assert secrets_on_disk(path.parent) == {}
        assert erased == ["states"]
    History.open(path, erase_elsewhere=lambda: erased.append("again")).close()
    assert erased == ["states"]


@pytest.mark.parametrize("step", ["_write_anew", "_erase_copies", "make_backup"])
@pytest.mark.parametrize("cause", [KeyboardInterrupt(), DiskFull(path="x")])
def test_erasing_that_is_cut_off_is_finished_at_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str, cause: BaseException
) -> None:
    def power_cut(*_arguments: object) -> None:
        raise cause

    with killed(path) as history:
        tell_more(history)
        secret = tell_secrets(history)
        history.back_up_if_due()
        copy_database(path, HistoryFiles(path).dated("damaged"))
        with monkeypatch.context() as patch:
            patch.setattr(erasure, step, power_cut)
            with pytest.raises(type(cause)):
                history.delete(secret)
    assert secrets_on_disk(path.parent)
    with History.open(path) as history:
        assert secrets_on_disk(path.parent) == {}
        assert len(history.conversations()) == 30
    assert not HistoryFiles(path).all_erasing()


def test_what_was_deleted_does_not_come_back_with_the_backup(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with killed(path) as history:
        tell_more(history)
        secret = tell_secrets(history)
        history.back_up_if_due()
        with monkeypatch.context() as patch:
            patch.setattr(erasure, "_erase_copies", power_cut)
            with pytest.raises(KeyboardInterrupt):
                history.delete(secret)
    flip_the_middle(path)
    HistoryFiles(path).suspect.touch()
    with History.open(path) as history:
        assert history.recovery is not None and history.recovery.restored_from
        assert len(history.conversations()) == 30
        assert secrets_on_disk(path.parent) == {}


def test_another_conversation_that_got_the_number_is_not_erased(path: Path) -> None:
    with killed(path) as history:
        secret = tell_secrets(history)
        history.back_up_if_due()
        erasure._write_marker(HistoryFiles(path).erasing, {secret: 1.0})
    with History.open(path) as history:
        assert titles(history) == {SECRETS[2]}


def test_a_title_that_was_changed_is_gone_when_the_window_closes(path: Path) -> None:
    with History.open(path) as history:
        tell_more(history)
        log = history.new_conversation()
        log.add_question("Савол")
        assert log.id is not None
        history.rename(log.id, SECRETS[2])
        history.back_up_if_due()
        history.rename(log.id, "Номи дигар")
    assert secrets_on_disk(path.parent) == {}
    with History.open(path) as history:
        assert history.search("номи дигар")


def test_a_reader_that_is_not_done_keeps_the_log_and_the_next_start_erases_it(path: Path) -> None:
    with History.open(path, busy_seconds=0.05) as history:
        tell_more(history)
        secret = tell_secrets(history)
        with closing(connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM messages").fetchone()
            with pytest.raises(HistoryBusy):
                history.delete(secret)
            assert len(history.conversations()) == 30
        history.purge()
        assert secrets_on_disk(path.parent) == {}
