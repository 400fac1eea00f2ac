"""What a person double-clicks: a launcher or a stick that cannot start says why, and only then."""

import subprocess
from pathlib import Path

import pytest

from soro_edge.stick import making
from soro_edge.stick.installed import Installation, Pointer
from soro_edge.stick.launchers import Launchers

TOP = Path(making.__file__).parent / "top"


def test_the_way_back_that_is_none_is_told(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.point_to(Pointer(current="1.0-ab", release=1, key="00" * 32))
    launchers = Launchers(installation, windows=False)
    launchers.write()
    done = subprocess.run([str(launchers.back)], capture_output=True, text=True)
    assert done.returncode == 10 and "There is no earlier version" in done.stderr


@pytest.mark.parametrize(
    ("code", "did_not_start"), [(0, False), (3, False), (130, False), (1, True), (127, True)]
)
def test_the_stick_says_that_soro_did_not_start_only_where_it_did_not(
    tmp_path: Path, code: int, did_not_start: bool
) -> None:
    program = tmp_path / "soro" / "linux" / "soro" / "soro"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] || exit {code}\n')
    program.chmod(0o755)
    (tmp_path / "soro" / "failed.txt").write_bytes((TOP / "failed.txt").read_bytes())
    start = tmp_path / "start-linux.sh"
    start.write_bytes((TOP / "start-linux.sh").read_bytes())
    done = subprocess.run(
        ["sh", str(start)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SORO_TERMINAL": "1"},
    )
    assert done.returncode == code
    assert ("Soro did not start" in done.stdout) == did_not_start
