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

from soro_edge.errors import (
    ConversationGone,
    HistoryBusy,
    HistoryDamaged,
    NoConversation,
    StorageError,
)
from soro_edge.files import touch_private
from soro_edge.history.backup import backup_is_due, make_backup
from soro_edge.history.database import BUSY_SECONDS, Database, our_errors, storable
from soro_edge.history.erasure import EraseElsewhere, erase, erase_at_closing, finish_erasing
from soro_edge.history.files import HistoryFiles
from soro_edge.history.gate import Gate
from soro_edge.history.integrity import damage_in_open_file
from soro_edge.history.log import Clock, ConversationLog
from soro_edge.history.migrations import migrate
from soro_edge.history.reading import HistoryReader
from soro_edge.history.recovery import finish, recover
from soro_edge.history.salvage import salvage
from soro_edge.history.search import check_search, index_title, index_unfinished
from soro_edge.history.titles import one_line
from soro_edge.history.trash import (
    UNDO_SECONDS,
    put_into_trash,
    take_out_of_trash,
    trashed_conversations,
)
from soro_edge.history.values import Recovery
from soro_edge.paths import make_folder, storage_error, sync_folder


class History(HistoryReader):
    """An open history. Every call may raise StorageError and may come from any thread.

    Close it after the last writer is done: a log that is used later raises sqlite3's own error.
    """

    def __init__(
        self,
        *,
        database: Database,
        gate: Gate,
        recovery: Recovery | None,
        clock: Clock,
        erase_elsewhere: EraseElsewhere,
    ) -> None:
        super().__init__(database, recovery=recovery)
        self._database = database
        self._gate = gate
        self._clock = clock
        self._erase_elsewhere = erase_elsewhere
        self._trashed_here: set[int] = set()
        self._copying = threading.RLock()
        self._closed = False

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock = time.time,
        busy_seconds: float = BUSY_SECONDS,
        erase_elsewhere: EraseElsewhere = lambda: None,
    ) -> Self:
        """Open or begin the history in `path`; its folder is made.

        `erase_elsewhere` is called when conversations are erased, for what else holds their words.
        Raises HistoryTooNew, HistoryBusy, FolderNotWritable, DiskFull. A damaged file is no error:
        see `recovery`.
        """
        files = HistoryFiles(path)
        make_folder(path.parent, private=True)
        gate = Gate(files.lock)
        try:
            alone = gate.enter(busy_seconds)
            database, recovery = _open_database(files, alone, busy_seconds)
            if alone:
                _finish_deleting(files, database, erase_elsewhere)
                gate.let_others_in()
        except BaseException:
            gate.leave()
            raise
        return cls(
            database=database,
            gate=gate,
            recovery=recovery,
            clock=clock,
            erase_elsewhere=erase_elsewhere,
        )

    def close(self) -> None:
        """Erase what this window deleted, make the day's backup if it is due, then close.

        What fails of it is no reason to fail here: it is tried again. Closing twice is allowed.
        """
        if self._closed:
            return
        self._closed = True
        with suppress(StorageError):
            self.purge(at_closing=True)
        with suppress(StorageError):
            self.back_up_if_due()
        self._database.close()
        self._gate.leave()

    def new_conversation(self) -> ConversationLog:
        """A log that begins its conversation with the first question."""
        return ConversationLog(self._database, clock=self._clock)

    def conversation(self, conversation_id: int) -> ConversationLog:
        """The log of a conversation, to go on with it. Raises ConversationGone."""
        try:
            self.describe(conversation_id)
        except NoConversation:
            raise ConversationGone(id=conversation_id) from None
        return ConversationLog(self._database, conversation_id=conversation_id, clock=self._clock)

    def rename(self, conversation_id: int, title: str) -> None:
        """Give a title; a blank one changes nothing. Raises ConversationGone."""
        title = one_line(storable(title))
        if not title:
            return
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT named FROM conversations WHERE id = ? AND trashed IS NULL",
                (conversation_id,),
            ).fetchone()
            if row is None:
                raise ConversationGone(id=conversation_id)
            connection.execute(
                "UPDATE conversations SET title = ?, named = 1 WHERE id = ?",
                (title, conversation_id),
            )
            index_title(connection, conversation_id, title)
        if row[0]:  # a name that a person took back
            erase_at_closing(self._database.files)

    def trash(self, conversation_id: int) -> None:
        """Delete for the eye: it is in no list and no search, and nobody writes into it any more.

        `restore` brings it back as it was. `purge` erases it when UNDO_SECONDS have passed, closing this
        history does so at once, and after a crash the next start. Raises ConversationGone.
        """
        with self._database.writing() as connection:
            put_into_trash(connection, conversation_id, self._clock())
        self._trashed_here.add(conversation_id)

    def restore(self, conversation_id: int) -> None:
        """Undo `trash`. Raises ConversationGone where it is erased already."""
        with self._database.writing() as connection:
            take_out_of_trash(connection, conversation_id)
        self._trashed_here.discard(conversation_id)

    def purge(self, *, at_closing: bool = False) -> None:
        """Erase from the disk what can no longer be restored; for a thread, it takes a moment.

        The words then are nowhere: not in the file, its log, its search index, its backup or kept copies.
        Other programs' deletions too, when they are old enough; with `at_closing` ours however young.
        """
        now = self._clock()
        with self._copying:
            with self._database.reading() as connection:
                trashed = trashed_conversations(connection)
            ours = self._trashed_here if at_closing else set[int]()
            # A clock that was set back must not keep them for years.
            due = {id_ for id_, at in trashed.items() if abs(now - at) >= UNDO_SECONDS}
            self._erase(due | (ours & trashed.keys()))

    def delete(self, conversation_id: int) -> None:
        """Delete at once and for ever, with all messages. Raises ConversationGone."""
        with self._copying:
            self.trash(conversation_id)
            self._erase({conversation_id})

    def _erase(self, conversation_ids: set[int]) -> None:
        files = self._database.files
        erase(files, self._database, conversation_ids, elsewhere=self._erase_elsewhere)
        self._trashed_here -= conversation_ids

    def check(self) -> str:
        """Read the whole file; what is wrong with it, in SQLite's words, empty if nothing.

        For `soro doctor`: it takes a moment. Damage is repaired at the next opening.
        """
        files = self._database.files
        with our_errors(files):
            damage = damage_in_open_file(files.main, thorough=True, blank_allowed=False)
        if damage:
            touch_private(files.suspect)
        return damage

    def back_up_if_due(self) -> bool:
        """Copy the history if the copy is a day behind; whether it was made.

        For a thread, after the first paint; it is also done at closing. Raises HistoryDamaged where
        the copy turns out not to be sound: the older backup stays, the next opening repairs.
        """
        with self._copying:
            files = self._database.files
            if not backup_is_due(files, self._clock()):
                return False
            if not files.backup.exists() and not self.conversations(limit=1):
                return False  # a blank first copy would stand for a whole day
            make_backup(files)
            return True


def _finish_deleting(
    files: HistoryFiles, database: Database, erase_elsewhere: EraseElsewhere
) -> None:
    """Erase what killed processes had deleted. Where that cannot be done now, it is later."""
    with suppress(StorageError):
        with database.reading() as connection:
            trashed = trashed_conversations(connection)
        finish_erasing(files, database, elsewhere=erase_elsewhere)
        erase(files, database, trashed, elsewhere=erase_elsewhere)


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
                rescued = salvage(recovery.kept, connection, files.temporary("salvage"))
        except BaseException:
            database.close()
            raise
    return database, finish(files, recovery, rescued)


def _make(files: HistoryFiles) -> None:
    """An empty file, which its owner alone can read; SQLite gives its log the same rights."""
    try:
        touch_private(files.main)
    except OSError as error:
        raise storage_error(error, files.main.parent) from error


def _connect(files: HistoryFiles, alone: bool, busy_seconds: float) -> Database:
    new = not files.main.exists()
    if new:
        _make(files)
    database = Database(files, busy_seconds)
    try:
        with database.by_hand() as connection:
            migrate(connection, files.main)
        if alone:
            with database.writing() as connection:
                index_unfinished(connection)
                check_search(connection)
        if new:
            sync_folder(files.main.parent)
    except BaseException:
        database.close()
        raise
    return database
