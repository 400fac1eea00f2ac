"""The way back: the version before runs again, and reads what pupils wrote since.

Installs nothing and deletes no version.
"""

from collections.abc import Callable
from pathlib import Path

from soro_edge.history.older import all_alone, all_histories, make_older
from soro_edge.stick.errors import NothingBefore
from soro_edge.stick.installed import Facts, Installation
from soro_edge.stick.installing import locked
from soro_edge.stick.program import InstalledProgram


def go_back(installation: Installation, data: Path, on_kept: Callable[[Path], None]) -> Facts:
    """The facts of the version that runs now; `on_kept` is told at once of each newer history that is
    kept under another name.

    Raises NotInstalled, NothingBefore, SelfTestFailed, HistoryBusy, StorageError.
    """
    installation.installed()
    with locked(installation):
        pointer = installation.installed()
        facts = installation.facts(pointer.previous) if pointer.previous else None
        if facts is None:
            raise NothingBefore
        # It must start; whether its model still answers it was asked when it came.
        InstalledProgram(installation.program(pointer.previous)).history_steps()
        histories = all_histories(data)
        # One open window, and nothing is rewritten at all.
        with all_alone(histories):
            for files in histories:
                kept = make_older(files, facts.history_steps)
                if kept:
                    on_kept(kept)
            installation.point_to(installation.turned(pointer))
    return facts
