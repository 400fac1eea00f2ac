"""An installation is whole or not there; what ran before runs until the new version has answered."""

from pathlib import Path

import pytest

from soro_edge.errors import DiskFull
from soro_edge.stick import installing
from soro_edge.stick.choosing import files_for
from soro_edge.stick.errors import (
    InstallationBusy,
    NoRoom,
    SelfTestFailed,
    StickUnreadable,
)
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import Order, Step, install, locked
from soro_edge.stick.manifest import Group
from tests.stick.conftest import MakeStick, OrderOf, Silent
from tests.stick.installations import Killed, back, run, whole


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


def test_the_same_again_repairs_and_copies_nothing_that_is_whole(
    installed: Order, installation: Installation
) -> None:
    assert install(installed, Silent()).copied_bytes == 0
    damaged = installation.version(installed.stick.id) / "soro" / "_internal" / "data" / "5.bin"
    size = damaged.stat().st_size
    damaged.write_bytes(b"?" * size)
    assert install(installed, Silent()).copied_bytes == size
    assert whole(installation, installed)


def test_a_version_that_does_not_answer_never_runs(
    make: MakeStick, order_of: OrderOf, installation: Installation
) -> None:
    install(order_of(make("1.0", 1)), Silent())
    with pytest.raises(SelfTestFailed):
        install(order_of(make("2.0", 2, answer="")), Silent())
    assert run(installation, "x") == "1.0 x"


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
