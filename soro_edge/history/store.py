"""The history of one pupil: open, rename, delete; conversations as MessageLogs. Reading is reading.py's.

Opening does little: the lock, a look at the schema, migrations. The whole file is checked only
after an unclean end or when damage was met (recovery.py), so the list paints at once. Several
threads and several processes may use one file. Knows no session and no screen.
"""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from soro_edge.errors import HistoryBusy, HistoryDamaged, NoConversation, StorageError
from soro_edge.history.backup import backup_is_due, make_backup
from soro_edge.history.database import BUSY_SECONDS, Database, our_errors, storable
from soro_edge.history.files import HistoryFiles
from soro_edge.history.gate import Gate
from soro_edge.history.integrity import damage_in_open_file
from soro_edge.history.log import Clock, ConversationLog
from soro_edge.history.migrations import migrate
from soro_edge.history.reading import HistoryReader
from soro_edge.history.recovery import finish, recover
from soro_edge.history.salvage import salvage
from soro_edge.history.search import forget_conversation, index_title, index_unfinished
from soro_edge.history.titles import one_line
from soro_edge.history.values import Recovery
from soro_edge.paths import make_folder, sync_folder


class History(HistoryReader):
    """An open history. Every call may raise StorageError and may come from any thread.

    Close it after the last writer is done: a log that is used later raises sqlite3's own error.
    """

    def __init__(
        self, *, database: Database, gate: Gate, recovery: Recovery | None, clock: Clock
    ) -> None:
        super().__init__(database, recovery=recovery)
        self._database = database
        self._gate = gate
        self._clock = clock
        self._backup_lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls, path: Path, *, clock: Clock = time.time, busy_seconds: float = BUSY_SECONDS
    ) -> Self:
        """Open or begin the history in `path`; its folder is made.

        Raises HistoryTooNew, HistoryBusy, FolderNotWritable, DiskFull. A damaged file is no error:
        see `recovery`.
        """
        files = HistoryFiles(path)
        make_folder(path.parent)
        gate = Gate(files.lock)
        try:
            alone = gate.enter(busy_seconds)
            database, recovery = _open_database(files, alone, busy_seconds)
            if alone:
                gate.let_others_in()
        except BaseException:
            gate.leave()
            raise
        return cls(database=database, gate=gate, recovery=recovery, clock=clock)

    def close(self) -> None:
        """Make the day's backup if it is due, then close. Closing twice is allowed.

        A backup that fails is no reason to fail here: the next closing tries again.
        """
        if self._closed:
            return
        self._closed = True
        with suppress(StorageError):
            self.back_up_if_due()
        self._database.close()
        self._gate.leave()

    def new_conversation(self) -> ConversationLog:
        """A log that begins its conversation with the first question."""
        return ConversationLog(self._database, clock=self._clock)

    def conversation(self, conversation_id: int) -> ConversationLog:
        """The log of a conversation, to go on with it. Raises NoConversation."""
        self.describe(conversation_id)
        return ConversationLog(self._database, conversation_id=conversation_id, clock=self._clock)

    def rename(self, conversation_id: int, title: str) -> None:
        """Give a title; a blank one changes nothing. Raises NoConversation."""
        title = one_line(storable(title))
        if not title:
            return
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE conversations SET title = ?, named = 1 WHERE id = ?",
                (title, conversation_id),
            )
            if not changed.rowcount:
                raise NoConversation(id=conversation_id)
            index_title(connection, conversation_id, title)

    def delete(self, conversation_id: int) -> None:
        """Delete with all messages; the backup forgets it when it is next made.

        Raises NoConversation.
        """
        with self._database.writing() as connection:
            forget_conversation(connection, conversation_id)
            deleted = connection.execute(
                "DELETE FROM conversations WHERE id = ?", (conversation_id,)
            )
            if not deleted.rowcount:
                raise NoConversation(id=conversation_id)

    def check(self) -> str:
        """Read the whole file; what is wrong with it, in SQLite's words, empty if nothing.

        For `soro doctor`: it takes a moment. Damage is repaired at the next opening.
        """
        files = self._database.files
        with our_errors(files):
            damage = damage_in_open_file(files.main, thorough=True, blank_allowed=False)
        if damage:
            files.suspect.touch()
        return damage

    def back_up_if_due(self) -> bool:
        """Copy the history if the copy is a day behind; whether it was made.

        For a thread, after the first paint; it is also done at closing. Raises HistoryDamaged where
        the copy turns out not to be sound: the older backup stays, the next opening repairs.
        """
        with self._backup_lock:
            files = self._database.files
            if not backup_is_due(files, self._clock()):
                return False
            if not files.backup.exists() and not self.conversations(limit=1):
                return False  # a blank first copy would stand for a whole day
            make_backup(files)
            return True


def _open_database(
    files: HistoryFiles, alone: bool, busy_seconds: float
) -> tuple[Database, Recovery | None]:
    """Connect and repair what must be repaired; only who is alone may."""
    if not alone:
        try:
            return _connect(files, alone, busy_seconds), None
        except HistoryDamaged as error:
            raise HistoryBusy(path=str(files.main)) from error
    try:
        return _repair_and_connect(files, busy_seconds)
    except HistoryDamaged:
        # The quick look saw nothing, the first use did; it left a mark, so now all is checked.
        return _repair_and_connect(files, busy_seconds)


def _repair_and_connect(
    files: HistoryFiles, busy_seconds: float
) -> tuple[Database, Recovery | None]:
    recovery = recover(files)
    database = _connect(files, True, busy_seconds)
    if recovery is None:
        return database, None
    rescued = 0
    if recovery.kept is not None:
        try:
            with database.writing() as connection:
                rescued = salvage(recovery.kept, connection)
        except BaseException:
            database.close()
            raise
    return database, finish(files, recovery, rescued)


def _connect(files: HistoryFiles, alone: bool, busy_seconds: float) -> Database:
    new = not files.main.exists()
    database = Database(files, busy_seconds)
    try:
        with database.by_hand() as connection:
            migrate(connection, files.main)
        if alone:
            with database.writing() as connection:
                index_unfinished(connection)
        if new:
            sync_folder(files.main.parent)
    except BaseException:
        database.close()
        raise
    return database
