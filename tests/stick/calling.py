"""`soro usb …` in this process: what it says and its exit code."""

import sys
from pathlib import Path

import click
from click.testing import CliRunner

from soro_edge import cli
from soro_edge.errors import SoroError

CHECKOUT = Path(__file__).parents[2]
FROZEN = f"""#!{sys.executable}
# Stands for the packaged program: this checkout, called as PyInstaller's would be.
import os, runpy, sys
sys.path.insert(0, {str(CHECKOUT)!r})
sys.frozen, sys.executable = True, os.path.abspath(__file__)
if sys.argv[1:2] == ["-m"]:
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__")
else:
    from soro_edge.cli import main
    main()
"""


def usb(*words: object, given: str = "") -> tuple[int, str]:
    """Exit code and all that was told."""
    typed = given.encode("utf-8", "surrogateescape")
    done = CliRunner().invoke(
        cli.soro, ["usb", *map(str, words)], input=typed, standalone_mode=False
    )
    if isinstance(done.exception, SoroError):
        told = f"{done.output}{done.exception}\n{done.exception.advice}"
        return done.exception.exit_code, told
    if isinstance(done.exception, click.Abort):
        return cli.INTERRUPTED, done.output
    assert done.exception is None, done.exc_info
    return done.return_value or 0, done.output
