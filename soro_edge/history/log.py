"""One conversation in the file, as chat's MessageLog. Knows the tables, no list and no screen."""

import sqlite3
import time
from collections.abc import Callable

from soro_edge.chat.messages import AnswerState, Message, Role
from soro_edge.errors import ConversationGone
from soro_edge.history.database import Database, storable, text_of
from soro_edge.history.search import forget_message, index_message
from soro_edge.history.titles import title_of

Clock = Callable[[], float]

_IS_THERE = "conversation IN (SELECT id FROM conversations WHERE trashed IS NULL)"


class ConversationLog:
    """A conversation that is kept. A new one has no row until its first question.

    Each call is one transaction, on the disk when it returns. Any thread may call. Where another
    window deleted the conversation, writing raises ConversationGone.
    """

    def __init__(
        self, database: Database, *, conversation_id: int | None = None, clock: Clock = time.time
    ) -> None:
        self._database = database
        self._id = conversation_id
        self._clock = clock

    @property
    def id(self) -> int | None:
        """The conversation's number; None before the first question."""
        return self._id

    def messages(self) -> list[Message]:
        """In order, without answers that were asked for again."""
        if self._id is None:
            return []
        with self._database.reading() as connection:
            return read_messages(connection, self._id)

    def add_question(self, text: str) -> int:
        """Keep a question; its id. The first one begins the conversation and names it."""
        text, now = storable(text), self._clock()
        with self._database.writing() as connection:
            conversation = self._id
            if conversation is None:
                conversation = _add_conversation(connection, title_of(text), now)
            message = _add_message(connection, conversation, Role.USER, text, now)
            index_message(connection, message, text)
        self._id = conversation
        return message

    def begin_answer(self) -> int:
        """An empty answer in state WRITING; its id. Raises NoConversation before any question."""
        with self._database.writing() as connection:
            return _add_message(connection, self._id or 0, Role.ASSISTANT, "", self._clock())

    def write_answer(self, answer_id: int, text: str, state: AnswerState) -> None:
        """The answer's text so far, whole, and its state.

        Search finds it when the state is no longer WRITING, or after the next opening.
        """
        text = storable(text)
        with self._database.writing() as connection:
            row = connection.execute(
                "UPDATE messages SET text = ?, state = ?"
                f" WHERE id = ? AND conversation = ? AND role = 'assistant' AND {_IS_THERE}"
                " RETURNING superseded",
                (text, state.value, answer_id, self._id),
            ).fetchone()
            if row is None:
                raise ConversationGone(id=self._id or 0)
            if state is not AnswerState.WRITING and not row[0]:
                index_message(connection, answer_id, text)
                _touch(connection, self._id or 0, self._clock())

    def set_aside_answer(self) -> None:
        """Hide the last message if it is an answer. It stays in the file."""
        if self._id is None:
            return
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT id, role FROM messages WHERE conversation = ? AND superseded = 0"
                " ORDER BY id DESC LIMIT 1",
                (self._id,),
            ).fetchone()
            if row is not None and row[1] == Role.ASSISTANT:
                connection.execute("UPDATE messages SET superseded = 1 WHERE id = ?", (row[0],))
                forget_message(connection, row[0])


def read_messages(connection: sqlite3.Connection, conversation_id: int) -> list[Message]:
    """A conversation's messages that are not set aside, in order.

    Raises sqlite3's error where the index says that there are none and the table has some.
    """
    there = f"conversation = ? AND superseded = 0 AND {_IS_THERE}"
    rows = connection.execute(
        f"SELECT id, role, text, state FROM messages WHERE {there} ORDER BY id", (conversation_id,)
    ).fetchall()
    if (
        not rows
        and connection.execute(
            f"SELECT 1 FROM messages NOT INDEXED WHERE {there} LIMIT 1", (conversation_id,)
        ).fetchone()
    ):
        error = sqlite3.DatabaseError("the index does not know what the table holds")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    return [
        Message(
            id=id_,
            role=Role.ASSISTANT if role == Role.ASSISTANT else Role.USER,
            text=text_of(text),
            state=_state(state),
        )
        for id_, role, text, state in rows
    ]


def _state(word: object) -> AnswerState:
    # Another version may know more states, and a bit may flip; the text is what matters.
    try:
        return AnswerState(str(word))
    except ValueError:
        return AnswerState.FAILED


def _add_conversation(connection: sqlite3.Connection, title: str, now: float) -> int:
    row = connection.execute(
        "INSERT INTO conversations (title, created, updated) VALUES (?, ?, ?) RETURNING id",
        (title, now, now),
    ).fetchone()
    number: int = row[0]
    return number


def _add_message(
    connection: sqlite3.Connection, conversation: int, role: Role, text: str, now: float
) -> int:
    state = AnswerState.WRITING if role is Role.ASSISTANT else AnswerState.COMPLETE
    if not _touch(connection, conversation, now):
        raise ConversationGone(id=conversation)
    row = connection.execute(
        "INSERT INTO messages (conversation, role, text, state, created)"
        " VALUES (?, ?, ?, ?, ?) RETURNING id",
        (conversation, role.value, text, state.value, now),
    ).fetchone()
    number: int = row[0]
    return number


def _touch(connection: sqlite3.Connection, conversation: int, now: float) -> bool:
    changed = connection.execute(
        "UPDATE conversations SET updated = ? WHERE id = ? AND trashed IS NULL", (now, conversation)
    )
    return changed.rowcount > 0
