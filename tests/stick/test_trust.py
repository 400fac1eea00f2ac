"""What a stick must be for anything of it to run: whole, signed, by the first maker, not older."""

from pathlib import Path

import pytest

from soro_edge.stick.errors import (
    InstallationDamaged,
    OlderStick,
    StickDamaged,
    StickUnreadable,
    UntrustedStick,
    WrongComputer,
)
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import install
from soro_edge.stick.manifest import Group
from soro_edge.stick.signing import make_key
from tests.stick.conftest import MakeStick, OrderOf, Silent
from tests.stick.installations import back, flip, run, whole


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


def test_a_stick_without_a_program_for_this_system_is_told(
    make: MakeStick, order_of: OrderOf
) -> None:
    from dataclasses import replace

    order = order_of(make())
    for system in (Group.WINDOWS, None):
        with pytest.raises(WrongComputer):
            install(replace(order, system=system), Silent())
