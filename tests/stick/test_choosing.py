"""Which model of a stick is installed, and what becomes of the one before."""

from pathlib import Path

import pytest

from soro_edge.model_errors import NoModel
from soro_edge.stick.choosing import runnable_from_stick
from soro_edge.stick.errors import (
    NoModelFits,
    SelfTestFailed,
    StickDamaged,
)
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import Order, Step, install
from soro_edge.stick.manifest import Group
from soro_edge.stick.reading import open_stick
from tests.stick.conftest import GB, MakeStick, OrderOf, Silent
from tests.stick.installations import whole


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
    make: MakeStick, order_of: OrderOf, installed: Order, installation: Installation
) -> None:
    install(order_of(make(), model="small"), Silent())
    folder = installation.version(installed.stick.id) / "soro-models"
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
    installed: Order,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    def fail(*_all: object) -> str:
        raise SelfTestFailed(reason="?")

    monkeypatch.setattr("soro_edge.stick.program.InstalledProgram.answer", fail)
    with pytest.raises(SelfTestFailed):
        install(order_of(make(), model="small"), Silent())
    assert whole(installation, installed)


def test_a_model_that_is_in_use_stays_and_hinders_nothing_else(
    make: MakeStick,
    order_of: OrderOf,
    installed: Order,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unlink = Path.unlink

    def in_use(path: Path, missing_ok: bool = False) -> None:
        if path.name == "large.gguf":
            raise PermissionError(13, "in use")
        unlink(path, missing_ok)

    (installation.version(installed.stick.id) / "soro-models" / "other.gguf").touch()
    monkeypatch.setattr(Path, "unlink", in_use)
    install(order_of(make(), model="small"), Silent())
    folder = installation.version(installed.stick.id) / "soro-models"
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["large.gguf", "small.gguf", "small.toml"]
