"""Nothing of a stick rests on a clock: an old computer's stands in the year 2000, or in 2099."""

import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from soro_edge.paths import installation_folder
from soro_edge.stick import releases
from soro_edge.stick.errors import OlderStick
from soro_edge.stick.going_back import go_back
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import install
from soro_edge.stick.reading import open_stick
from tests.stick.calling import usb
from tests.stick.conftest import GB, MakeStick, OrderOf, Silent, write_bundle, write_model

REAL_GMTIME = time.gmtime
CLOCKS = {year: datetime(year, 1, 1, 12).timestamp() for year in (1970, 2000, 2026, 2099, 2107)}


class Clock:
    """Sets what this process takes for the time."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def set(self, year: int) -> None:
        seconds = CLOCKS[year]
        self._patch.setattr(time, "time", lambda: seconds)

        def calendar(given: float | None = None) -> time.struct_time:
            return REAL_GMTIME(seconds if given is None else given)

        self._patch.setattr(time, "gmtime", calendar)
        self._patch.setattr(time, "localtime", calendar)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("year", CLOCKS)
def test_made_checked_installed_updated_and_sent_back_at_any_time(
    make: MakeStick,
    order_of: OrderOf,
    installation: Installation,
    own_home: Path,
    clock: Clock,
    year: int,
) -> None:
    clock.set(year)
    root = make("1.0", 0)
    stick = open_stick(root)
    for file in stick.manifest.files:
        stick.check_file(file, lambda _count: None)
    install(order_of(root), Silent())
    make("2.0", 0, root=root)
    assert install(order_of(root), Silent()).version_before == "1.0"
    assert go_back(installation, own_home, lambda _path: None).version == "1.0"


@pytest.mark.parametrize(
    "years", [(2026, 2000), (2000, 2026), (2099, 2026), (2026, 2026), (2000, 2000)]
)
def test_what_was_installed_later_is_newer_whatever_the_clocks_say(
    make: MakeStick, order_of: OrderOf, clock: Clock, years: tuple[int, int]
) -> None:
    """Of the teacher's computer: neither an older stick nor a newer one is judged by it."""
    older, newer = make("1.0", 5), make("2.0", 6)
    clock.set(years[0])
    install(order_of(newer), Silent())
    clock.set(years[1])
    with pytest.raises(OlderStick):
        install(order_of(older), Silent())


def test_a_makers_sticks_grow_whatever_his_clock_says(
    tmp_path: Path, tiny_model: Path, clock: Clock
) -> None:
    """Each into an empty folder, so that only the file beside the key knows of the one before."""
    key = tmp_path / "keys" / "maker.key"
    assert usb("keygen", "--no-passphrase", "--key", key)[0] == 0
    model = write_model(tmp_path / "models", "tiny", tiny_model, memory_bytes=GB // 10)
    numbers = []
    for number, year in enumerate((2026, 2000, 2099, 2026, 1970)):
        clock.set(year)
        bundle, root = write_bundle(tmp_path / f"b{number}", f"{number}.0"), tmp_path / f"s{number}"
        words = (
            "make",
            root,
            "--model",
            model,
            "--linux",
            bundle,
            "--without",
            "windows",
            "--key",
            key,
        )
        assert usb(*words)[0] == 0
        numbers.append(open_stick(root).manifest.release)
        assert usb("install", root, "--no-tune")[0] == 0
    assert numbers == sorted(set(numbers))
    assert Installation(installation_folder()).installed().release == numbers[-1]


@pytest.mark.parametrize("text", ["", "no number", "\xff" * 9])
def test_a_damaged_number_beside_the_key_is_none(tmp_path: Path, text: str) -> None:
    key = tmp_path / "maker.key"
    releases.keep_release(key, 7)
    releases.keep_release(key, 6)
    assert releases.last_release(key) == 7
    (tmp_path / "maker.key.release").write_text(text, encoding="latin-1")
    assert releases.last_release(key) == 0


@pytest.mark.parametrize("stamp", [315_532_800, 4_354_819_198])
def test_files_with_fat32s_first_and_last_times_are_installed(
    make: MakeStick, order_of: OrderOf, installation: Installation, stamp: int
) -> None:
    """1980-01-01 and 2107-12-31 23:59:58: what a stick that was written elsewhere may carry."""
    root = make()
    for path in root.rglob("*"):
        os.utime(path, (stamp, stamp))
    done = install(order_of(root), Silent())
    assert install(order_of(root), Silent()).copied_bytes == 0
    program = installation.program(done.id)
    assert program.stat().st_mtime != stamp, "the disk's time, not the stick's"
