"""A history for another version of the program: a copy from before it changes, and one as an older
program wants it.

Going back to an older program must lose nothing that pupils wrote since: the newer file is kept under
a name of its own, and its rows go into a file of the older kind, column by column.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from soro_edge.errors import HistoryBusy, HistoryDamaged
from soro_edge.files import touch_private
from soro_edge.history.backup import copy_database
from soro_edge.history.database import connect, our_errors, transaction
from soro_edge.history.files import HistoryFiles, move, sync_file
from soro_edge.history.gate import Gate
from soro_edge.history.migrations import MIGRATIONS, build_search, migrate, version_of
from soro_edge.paths import storage_error

_TABLES = ("conversations", "messages")
_WAIT_SECONDS = 2.0


def history_steps() -> int:
    """How new a history this program can read."""
    return len(MIGRATIONS)


def all_histories(data: Path) -> list[HistoryFiles]:
    """Of every profile."""
    return [HistoryFiles(file) for file in sorted(data.glob("profiles/*/history.sqlite3"))]


def copy_before(files: HistoryFiles, steps: int) -> Path | None:
    """Keep the file as it is now, where a program of `steps` would change its tables; the copy.

    None where nothing will change, or the file is damaged: then the program that opens it next
    repairs it and keeps the damaged one. Raises StorageError.
    """
    try:
        with our_errors(files), closing(connect(files.main)) as connection:
            now = version_of(connection)
        if now == 0 or now >= steps:
            return None
        target = files.main.with_name(f"{files.main.stem}.before-{now}{files.main.suffix}")
        _copy(files, target)
    except HistoryDamaged:
        return None
    return target


@contextmanager
def all_alone(histories: Iterable[HistoryFiles]) -> Iterator[None]:
    """Nobody else has any of them open, and nobody opens one. Raises HistoryBusy, StorageError."""
    with ExitStack() as gates:
        for files in histories:
            gate = Gate(files.lock)
            gates.callback(gate.leave)
            if not gate.enter(_WAIT_SECONDS):
                raise HistoryBusy(path=str(files.main))
        yield


def make_older(files: HistoryFiles, steps: int) -> Path | None:
    """Rewrite a newer file so that a program of `steps` reads it; where the newer one is kept.

    None where nothing had to be done. Only while `all_alone`. Raises StorageError.
    """
    steps = min(steps, history_steps())
    with our_errors(files):
        with closing(connect(files.main)) as connection:
            if version_of(connection) <= steps:
                return None
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        kept = files.dated("newer")
        _copy(files, kept)
        temporary = files.temporary("older")
        try:
            temporary.unlink(missing_ok=True)
            touch_private(temporary)
            _bring_rows(kept, temporary, steps)
            sync_file(temporary)
            move(temporary, files.main)
            # Of the newer kind too: it would take the older file's place after a damage.
            files.backup.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, files.main.parent) from error
        finally:
            temporary.unlink(missing_ok=True)
    return kept


def _copy(files: HistoryFiles, target: Path) -> None:
    temporary = files.temporary("copy")
    try:
        with our_errors(files):
            copy_database(files.main, temporary)
        sync_file(temporary)
        move(temporary, target)
    except OSError as error:
        raise storage_error(error, files.main.parent) from error
    finally:
        temporary.unlink(missing_ok=True)


def _bring_rows(newer: Path, target: Path, steps: int) -> None:
    with closing(connect(target)) as connection:
        migrate(connection, target, steps=steps)
        connection.execute("ATTACH DATABASE ? AS newer", (str(newer),))
        with transaction(connection):
            for table in _TABLES:
                known = _columns(connection, "newer", table)
                shared = [name for name in _columns(connection, "main", table) if name in known]
                names = ", ".join(f'"{name}"' for name in shared)
                # A row that the older tables refuse stays in the newer file alone.
                connection.execute(
                    f"INSERT OR IGNORE INTO main.{table} ({names}) SELECT {names} FROM newer.{table}"
                )
            # A number that was given and deleted is not given again.
            connection.execute(
                "UPDATE main.sqlite_sequence SET seq = max(seq, coalesce((SELECT n.seq FROM"
                " newer.sqlite_sequence n WHERE n.name = main.sqlite_sequence.name), 0))"
            )
            if _columns(connection, "main", "search"):
                connection.execute("DROP TABLE main.search")
                build_search(connection)
        connection.execute("DETACH DATABASE newer")


def _columns(connection: sqlite3.Connection, schema: str, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({table})")]
