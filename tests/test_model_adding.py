"""A model is copied, tried and then named; what goes wrong on the way leaves nothing behind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from soro_edge.errors import BadOption, FolderNotWritable
from soro_edge.manifest import Manifest
from soro_edge.model_adding import add_model, remove_model
from soro_edge.model_errors import (
    BadManifest,
    BadTemplate,
    ModelDamaged,
    ModelExists,
    ModelStays,
    NoModel,
)
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths
from tests.gguf_bytes import gguf, tensor, text
from tests.test_models import STARTER

MODEL = gguf(text("general.architecture", "llama"), tensors=[tensor("a")])


def passes(_file: Path, _manifest: Manifest) -> None:
    """A trial in which the model answers."""


def fails(file: Path, _manifest: Manifest) -> None:
    assert file.read_bytes() == MODEL
    raise BadTemplate(reason="?")


@pytest.fixture
def models() -> ModelFolder:
    return ModelFolder(paths=find_paths())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source" / "Model 1B (it).gguf"
    file.parent.mkdir()
    file.write_bytes(MODEL)
    return file


def names(models: ModelFolder) -> list[str]:
    folder = models.paths.models_folder
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_model_keeps_the_name_of_its_file(models: ModelFolder, source: Path) -> None:
    manifest = add_model(models, source, "", trial=passes)
    assert manifest.name == "model-1b-it" and names(models) == [
        "Model 1B (it).gguf",
        "model-1b-it.toml",
    ]
    assert models.find("").name == "model-1b-it" and models.check(manifest).exists()


@pytest.mark.parametrize(
    "name",
    [
        "gemma3:270m.gguf",
        "two\nlines.gguf",
        "back\\slash.gguf",
        "wide?.gguf",
        '"quoted".gguf',
        " .gguf",
        "con.gguf",
        "-rf.gguf",
        "\u202egnp.gguf",
        "ҷ" * 120 + ".gguf",
        os.fsdecode(b"\xff\xfe.gguf"),
        os.fsdecode(b"a\xd0.GGUF"),
    ],
)
def test_a_file_with_a_strange_name_gets_a_plain_one(
    models: ModelFolder, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(MODEL)
    if name == "con.gguf":
        with pytest.raises(BadManifest):
            add_model(models, tmp_path / name, "", trial=passes)
        assert not names(models)
        return
    manifest = add_model(models, tmp_path / name, "", trial=passes)
    assert manifest.file_name.isascii() and len(names(models)) == 2
    assert not models.read().unreadable and models.check(manifest).exists()


@pytest.mark.parametrize(
    "name", ["a:b", "a/b", "../a", "a\nb", "nul", "a" * 65, os.fsdecode(b"\xff"), "a.", ".a"]
)
def test_a_name_that_no_file_can_have_is_refused_before_anything_is_copied(
    models: ModelFolder, source: Path, name: str
) -> None:
    with pytest.raises(BadOption):
        add_model(models, source, name, trial=passes)
    assert not names(models)


def test_a_model_that_fails_its_trial_leaves_nothing(models: ModelFolder, source: Path) -> None:
    with pytest.raises(BadTemplate):
        add_model(models, source, "", trial=fails)
    assert not names(models) and models.find("").name == STARTER


def test_a_wrong_checksum_leaves_nothing(models: ModelFolder, source: Path) -> None:
    manifest = add_model(models, source, "", trial=passes)
    words = manifest.path.read_text(encoding="utf-8").replace(manifest.sha256, "0" * 64)
    remove_model(models, manifest.name)
    source.with_suffix(".toml").write_text(words)
    with pytest.raises(ModelDamaged):
        add_model(models, source, "", trial=passes)
    assert not names(models)


def test_what_a_killed_copy_left_is_removed_and_what_another_copies_is_not(
    models: ModelFolder, source: Path
) -> None:
    folder = models.paths.models_folder
    folder.mkdir(parents=True)
    for name in ("old.gguf.part", "a.gguf.999999999.part", f"b.gguf.{os.getppid()}.part"):
        (folder / name).touch()
    add_model(models, source, "m", trial=passes)
    assert names(models) == [f"b.gguf.{os.getppid()}.part", "m.gguf", "m.toml"]


def test_of_two_at_once_the_second_is_told_that_the_name_is_taken(
    models: ModelFolder, source: Path
) -> None:
    def meanwhile(_file: Path, _manifest: Manifest) -> None:
        add_model(models, source, "m", trial=passes)

    with pytest.raises(ModelExists):
        add_model(models, source, "m", trial=meanwhile)
    assert names(models) == ["m.gguf", "m.toml"]


def test_a_manifest_that_cannot_be_read_keeps_its_name(models: ModelFolder, source: Path) -> None:
    models.paths.models_folder.mkdir(parents=True)
    (models.paths.models_folder / "m.toml").write_text("?")
    with pytest.raises(ModelExists):
        add_model(models, source, "m", trial=passes)


def test_a_file_that_lies_in_the_folder_already_can_be_added(models: ModelFolder) -> None:
    folder = models.paths.models_folder
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(MODEL)
    add_model(models, folder / "m.gguf", "", trial=passes)
    assert names(models) == ["m.gguf", "m.toml"] and models.find("").name == "m"


def test_a_folder_that_cannot_be_written_is_told(
    models: ModelFolder, source: Path, protect: Callable[[Path], None]
) -> None:
    models.paths.models_folder.mkdir(parents=True)
    protect(models.paths.models_folder)
    with pytest.raises(FolderNotWritable):
        add_model(models, source, "", trial=passes)


# Removing


def test_a_removed_model_is_gone_and_the_one_before_is_used(
    models: ModelFolder, source: Path
) -> None:
    add_model(models, source, "a", trial=passes)
    add_model(models, source, "b", trial=passes)
    remove_model(models, "b")
    assert names(models) == ["a.gguf", "a.toml"] and models.find("").name == "a"
    remove_model(models, "a")
    assert not names(models)
    with pytest.raises(NoModel):
        remove_model(models, "a")


def test_what_cannot_be_read_can_be_removed(models: ModelFolder) -> None:
    folder = models.paths.models_folder
    folder.mkdir(parents=True)
    (folder / "bad.toml").write_text("?")
    (folder / "bad.gguf").touch()
    (folder / "link.toml").symlink_to("gone")
    (folder / "orphan.gguf").touch()
    for name in ("bad", "link", "orphan"):
        remove_model(models, name)
    assert not names(models)


def test_a_file_that_another_model_uses_stays(models: ModelFolder, source: Path) -> None:
    manifest = add_model(models, source, "a", trial=passes)
    text = manifest.path.read_text(encoding="utf-8").replace('name = "a"', 'name = "b"')
    (manifest.path.parent / "b.toml").write_text(text, encoding="utf-8")
    remove_model(models, "b")
    assert names(models) == ["a.gguf", "a.toml"]


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "..", "", "a/b"])
def test_removing_reaches_nothing_outside_the_folder(
    models: ModelFolder, source: Path, name: str
) -> None:
    add_model(models, source, "a", trial=passes)
    (models.paths.data / "a.toml").touch()
    with pytest.raises(NoModel):
        remove_model(models, name)
    assert (models.paths.data / "a.toml").exists() and len(names(models)) == 2


def test_the_programs_own_model_stays(models: ModelFolder) -> None:
    with pytest.raises(ModelStays):
        remove_model(models, STARTER)
