"""Laws of the saved prompt states: what does not fit is not trusted, and nothing here raises."""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from soro_edge.engine.prefix import Checkpoint, goes_on
from soro_edge.engine.states import StateStore, forget_conversations

TOKENS = list(range(40, 90))
STATE = bytearray(os.urandom(5000))


def store(
    folder: Path, *, binding: str = "model build settings", limit: int = 1 << 20
) -> StateStore:
    return StateStore(folder, binding=binding, limit_bytes=limit)


def test_a_saved_state_comes_back_with_its_tokens(tmp_path: Path) -> None:
    written = {"model\nСалом": [1, 2]}
    assert store(tmp_path).save(TOKENS, STATE, lasting=True, written=written)
    again = store(tmp_path)
    saved, kept = again.best([*TOKENS, 7, 8], window_tokens=0)
    assert saved is not None and kept == len(TOKENS)
    assert (saved.tokens, saved.lasting, saved.written) == (TOKENS, True, written)
    found = again.read(saved)
    assert found is not None and bytes(found[0]) == STATE and found[1] is None


def test_a_checkpoint_comes_along_and_goes_back_further_than_the_window(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tokens=20, oldest_position=5, data=bytearray(b"window"))
    store(tmp_path).save(TOKENS, STATE, checkpoint=checkpoint)
    late = store(tmp_path)
    saved, kept = late.best([*TOKENS[:21], 1, 2, 3], window_tokens=16)
    assert saved is not None and kept == 20
    found = late.read(saved)
    assert found is not None and bytes(found[0]) == STATE and found[1] == checkpoint
    assert late.best([*TOKENS[:15], 1, 2, 3], window_tokens=16)[1] == 0


@pytest.mark.parametrize("binding", ["other model", "model other-build settings"])
def test_a_state_of_another_model_or_build_is_not_seen(tmp_path: Path, binding: str) -> None:
    store(tmp_path).save(TOKENS, STATE)
    assert store(tmp_path, binding=binding).all() == []


@pytest.mark.parametrize("keep", [0, 3, 20, 60, 1000, -1])
def test_a_state_cut_short_is_not_read(tmp_path: Path, keep: int) -> None:
    store(tmp_path).save(TOKENS, STATE)
    file = next(tmp_path.glob("*.state"))
    late = store(tmp_path)
    seen = late.all()
    file.write_bytes(file.read_bytes()[:keep])
    assert store(tmp_path).all() == []
    assert [late.read(saved) for saved in seen] == [None]


@pytest.mark.parametrize("at", [2, 20, 44, 300, -1])
def test_a_changed_byte_is_found(tmp_path: Path, at: int) -> None:
    store(tmp_path).save(TOKENS, STATE)
    file = next(tmp_path.glob("*.state"))
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    late = store(tmp_path)
    assert all(late.read(saved) is None for saved in late.all())


def test_a_state_is_used_only_where_the_window_allows(tmp_path: Path) -> None:
    store(tmp_path).save(TOKENS, STATE)
    half = [*TOKENS[:25], 1, 2, 3]
    assert store(tmp_path).best(half, window_tokens=0)[1] == 25
    assert store(tmp_path).best(half, window_tokens=16)[1] == 0


def test_the_oldest_goes_first_and_what_lasts_goes_last(tmp_path: Path) -> None:
    for number in range(6):
        assert store(tmp_path, limit=16_000).save([number] * 10, STATE, lasting=number == 0)
        for age, file in enumerate(sorted(tmp_path.glob("*.state"), key=os.path.getmtime)):
            os.utime(file, (1000 + age, 1000 + age))
    left = {saved.tokens[0] for saved in store(tmp_path).all()}
    assert 0 in left and 5 in left and len(left) == 3
    assert not store(tmp_path, limit=100).save(TOKENS, STATE)
    assert len(store(tmp_path).all()) == 3


def test_what_is_forgotten_is_gone_and_what_lasts_stays(tmp_path: Path) -> None:
    store(tmp_path, binding="another").save(TOKENS, STATE)
    ours = store(tmp_path)
    ours.save(TOKENS, STATE)
    ours.save(TOKENS[:9], STATE, lasting=True)
    ours.forget()
    assert [saved.tokens for saved in store(tmp_path).all()] == [TOKENS[:9]]
    assert len(list(tmp_path.glob("*.state"))) == 1


def test_of_all_models_only_the_conversations_are_deleted(tmp_path: Path) -> None:
    for binding in ("one model", "another"):
        store(tmp_path, binding=binding).save(TOKENS, STATE)
        store(tmp_path, binding=binding).save(TOKENS[:9], STATE, lasting=True)
    (tmp_path / "half.1.part").write_bytes(STATE)
    (tmp_path / "strange.state").write_bytes(STATE)
    forget_conversations(tmp_path)
    for binding in ("one model", "another"):
        assert [saved.tokens for saved in store(tmp_path, binding=binding).all()] == [TOKENS[:9]]
    assert len(list(tmp_path.glob("*.*"))) == 2


def test_what_was_read_before_a_deletion_is_saved_by_no_other_process(tmp_path: Path) -> None:
    folder = tmp_path / "states"  # which the other process has not made yet
    other = store(folder)
    forget_conversations(folder)
    assert not other.save(TOKENS, STATE)
    assert other.save(TOKENS[:9], STATE, lasting=True)
    other.renew()  # it reads another conversation
    assert other.save(TOKENS[:20], STATE)
    assert not list(folder.glob("*.part"))


def test_a_state_that_was_being_written_at_the_deletion_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, replace = store(tmp_path), Path.replace

    def slow(path: Path, target: Path) -> Path:
        monkeypatch.undo()
        held = path.read_bytes()
        forget_conversations(tmp_path)
        path.write_bytes(held)  # Windows does not delete a file that is open
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", slow)
    assert not other.save(TOKENS, STATE)
    assert not list(tmp_path.glob("*.state"))


def test_a_full_disk_saves_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(1 << 30, 1 << 30, 1000))
    assert not store(tmp_path).save(TOKENS, STATE)
    monkeypatch.undo()

    def full(_path: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert not store(tmp_path).save(TOKENS, STATE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shut = store(tmp_path / "file" / "states")
    assert shut.all() == [] and not shut.save(TOKENS, STATE)


def test_two_processes_may_save_the_same_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from soro_edge.engine.states import StateStore\n"
        "for number in range(60):\n"
        "    one = StateStore(Path(sys.argv[1]), binding='b', limit_bytes=100_000)\n"
        "    one.save([1, 2, number % 3], bytearray(b'x' * 20_000))\n"
        "    assert all((one.read(saved) or (b'x' * 20_000,))[0] == b'x' * 20_000 for saved in one.all())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait(60) for child in both] == [0, 0]
    left = store(tmp_path, binding="b")
    assert left.all() and all(left.read(saved) for saved in left.all())
    assert not list(tmp_path.glob("*.part"))


def test_one_process_writes_a_bounded_number_of_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soro_edge.engine.states.WRITTEN_BYTES", 17_000)
    ours = store(tmp_path)
    assert [ours.save([number] * 40, STATE) for number in range(5)] == [True] * 3 + [False] * 2
    assert ours.save(TOKENS[:9], STATE, lasting=True)
    assert ours.save(TOKENS, STATE, last=True)


SYSTEM_TOKENS, TURNS = list(range(50)), [list(range(100 * n, 100 * n + 60)) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("ours", "prompt", "is_later"),
    [
        ((0, 1, 2), (1, 2, 3), True),
        ((0, 1, 2, 3), (3, 4), True),
        ((0, 1, 2), (3, 4), False),
        ((0, 1), (0, 2), False),
        ((), (1, 2), False),
        ((0, 1), (), False),
    ],
)
def test_a_conversation_goes_on_where_its_last_turns_are_read_again(
    ours: tuple[int, ...], prompt: tuple[int, ...], is_later: bool
) -> None:
    def tokens(turns: tuple[int, ...]) -> list[int]:
        return SYSTEM_TOKENS + [token for turn in turns for token in TURNS[turn]]

    assert goes_on(tokens(ours), tokens(prompt)) is is_later
