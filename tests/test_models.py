"""The models of a computer: one bad manifest or file keeps nobody from the others."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from soro_edge.manifest import read_manifest
from soro_edge.model_errors import BadManifest, NoModel, NoModelFile, NotAChatModel, SplitModel
from soro_edge.models import ModelFolder, manifest_of
from soro_edge.paths import find_paths
from tests.gguf_bytes import gguf, number, tensor, text
from tests.test_manifest import written

APPLE_DOUBLE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(200)
STARTER = "smollm2-135m-instruct"


@pytest.fixture
def models() -> ModelFolder:
    folder = ModelFolder(paths=find_paths())
    folder.paths.models_folder.mkdir(parents=True)
    written(folder.paths.models_folder, package="").rename(folder.paths.models_folder / "good.toml")
    (folder.paths.models_folder / "soro.gguf").touch()
    return folder


def sparse(path: Path) -> None:
    """A gigabyte that takes no room."""
    path.touch()
    os.truncate(path, 1 << 30)


STRANGERS: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_text('name = "m'),
    "nested": lambda path: path.write_text("x = " + "[" * 20_000),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "dangling link": lambda path: path.symlink_to("gone"),
    "link to itself": lambda path: path.symlink_to(path),
    "sparse": sparse,
    "colon in its file's name": lambda path: path.write_text(
        'name = "a"\ntitle = "a"\n[file]\nname = "gemma3:270m.gguf"\nsize_bytes = 1\nsha256 = ""\n'
    ),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_one_bad_manifest_stops_nothing_and_is_told(models: ModelFolder, kind: str) -> None:
    STRANGERS[kind](models.paths.models_folder / "bad.toml")
    assert [manifest.name for manifest in models.all()] == ["soro-1b", STARTER]
    assert models.find("").name == models.find("soro-1b").name == "soro-1b"
    assert models.find(STARTER).name == STARTER
    [error] = models.read().unreadable
    assert "bad.toml" in str(error)
    with pytest.raises(BadManifest, match=r"bad\.toml"):
        models.find("bad")
    with pytest.raises(NoModel):
        models.find("other")


def test_what_macos_leaves_beside_files_is_passed_over(models: ModelFolder) -> None:
    for name in ("._good.toml", "._soro.gguf", ".DS_Store"):
        (models.paths.models_folder / name).write_bytes(APPLE_DOUBLE)
    assert not models.read().unreadable


@pytest.mark.parametrize("name", ["a:b.toml", "a\nb.toml", "a\\b.toml"])
def test_a_strange_name_of_a_manifest_is_no_hindrance(models: ModelFolder, name: str) -> None:
    (models.paths.models_folder / name).write_text("?")
    assert len(models.all()) == 2
    (models.paths.models_folder / os.fsdecode(b"\xff\xfe.toml")).write_text("?")
    assert len(models.read().unreadable) == 2


@pytest.mark.parametrize("package", ["__main__", "sys", "no_such_package_here"])
def test_a_package_that_holds_no_files_is_no_fault(tmp_path: Path, package: str) -> None:
    manifest = read_manifest(written(tmp_path, package=package))
    assert ModelFolder(paths=find_paths()).file(manifest).name == "soro.gguf"


# Files in place


def test_a_path_names_the_model_in_that_file(models: ModelFolder, tmp_path: Path) -> None:
    file = tmp_path / "My Model.GGUF"
    file.write_bytes(gguf(text("general.architecture", "llama"), tensors=[tensor("a")]))
    manifest = models.find(str(file))
    assert models.file(manifest) == file and manifest.name == "my-model"
    with pytest.raises(NoModelFile):
        models.find(str(tmp_path / "gone.gguf"))


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([text("general.type", "mmproj")], "mmproj"),
        ([text("general.architecture", "clip")], "mmproj"),
        ([text("general.type", "adapter")], "LoRA"),
        ([text("general.type", "imatrix")], "importance matrix"),
        ([text("general.architecture", "bert")], "embeddings"),
        ([text("general.architecture", "nomic-bert-moe")], "embeddings"),
        ([text("general.architecture", "modern-bert")], "embeddings"),
        ([text("general.architecture", "gemma-embedding")], "embeddings"),
        (
            [text("general.architecture", "qwen3"), number("qwen3.pooling_type", 3)],
            "embeddings",
        ),
    ],
)
def test_what_is_no_chat_model_is_told_by_its_header(
    tmp_path: Path, pairs: list[bytes], told: str
) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(gguf(*pairs, tensors=[tensor("a")]))
    with pytest.raises(NotAChatModel, match=told):
        manifest_of(file)


def test_parts_and_vocabularies_are_told_by_their_header(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(gguf(number("split.count", 3, kind=2, form="H"), tensors=[tensor("a")]))
    with pytest.raises(SplitModel, match="one of 3 parts"):
        manifest_of(file)
    file.write_bytes(gguf(text("general.architecture", "gemma3")))
    with pytest.raises(NotAChatModel, match="without weights"):
        manifest_of(file)


# On a stick


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of a stick, with one model that its list names."""
    folder = tmp_path / "stick" / "soro" / "soro-models"
    folder.mkdir(parents=True)
    signed = written(folder, name="signed").rename(folder / "signed.toml")
    entry = {"path": "soro/soro-models/signed.toml", "sha256": sha256_of(signed)}
    (folder.parent / "manifest.json").write_text(json.dumps({"files": [entry]}))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(folder.parent / "linux" / "soro" / "soro"))
    return folder


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_of_a_stick_only_what_its_list_names_is_read(stick: Path) -> None:
    written(stick, name="stranger").rename(stick / "stranger.toml")
    (stick / "._signed.toml").write_bytes(APPLE_DOUBLE)
    os.mkfifo(stick / "pipe.toml")
    models = ModelFolder(paths=find_paths()).read()
    assert [manifest.name for manifest in models.manifests] == ["signed", STARTER]
    assert not models.unreadable


def test_a_stick_whose_manifest_was_changed_does_not_offer_that_model(stick: Path) -> None:
    file = stick / "signed.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("Soro 1B", "Soro 2B"))
    assert [manifest.name for manifest in ModelFolder(paths=find_paths()).all()] == [STARTER]


@pytest.mark.parametrize("content", ["", "[1]", '{"files": 3}', '{"files": [[]]}', "[" * 99_999])
def test_a_stick_whose_list_cannot_be_read_offers_nothing(stick: Path, content: str) -> None:
    (stick.parent / "manifest.json").write_text(content)
    assert [manifest.name for manifest in ModelFolder(paths=find_paths()).all()] == [STARTER]


def test_a_program_that_was_copied_off_the_stick_reads_the_same_models(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(stick, name="stranger").rename(stick / "stranger.toml")
    copied = tmp_path / "copied"
    copied.mkdir()
    (copied / "soro-models").symlink_to(stick)
    monkeypatch.setattr(sys, "executable", str(copied / "linux" / "soro" / "soro"))
    names = [manifest.name for manifest in ModelFolder(paths=find_paths()).all()]
    assert names == ["signed", STARTER]
