"""The search table: what goes into it, what comes out, and the piece of text that is shown.

A person's words are folded and quoted, never parsed as FTS syntax. Knows no connection's life.
"""

import sqlite3

from soro_edge.history.database import seconds_of, text_of
from soro_edge.history.folding import folded_words, words
from soro_edge.history.titles import one_line
from soro_edge.history.values import SearchHit, Snippet

_BEFORE_LETTERS = 40
_AFTER_LETTERS = 100

_TITLES = """
    SELECT c.id, c.title, NULL, c.title, c.created
    FROM search CROSS JOIN conversations AS c ON c.id = -search.rowid
    WHERE search MATCH ? AND search.rowid < 0 AND c.trashed IS NULL
    ORDER BY search.rowid LIMIT ?
"""
_MESSAGES = """
    SELECT c.id, c.title, m.id, m.text, m.created
    FROM search CROSS JOIN messages AS m ON m.id = search.rowid
    CROSS JOIN conversations AS c ON c.id = m.conversation
    WHERE search MATCH ? AND search.rowid > 0 AND c.trashed IS NULL
    ORDER BY search.rowid DESC LIMIT ?
"""


def index_message(connection: sqlite3.Connection, message_id: int, text: str) -> None:
    """Make a message findable by `text`, in place of what it said before."""
    _index(connection, message_id, text)


def index_title(connection: sqlite3.Connection, conversation_id: int, title: str) -> None:
    """Make a conversation findable by the title that a person gave it."""
    _index(connection, -conversation_id, title)


def forget_message(connection: sqlite3.Connection, message_id: int) -> None:
    """Find it no more."""
    connection.execute("DELETE FROM search WHERE rowid = ?", (message_id,))


def forget_conversation(connection: sqlite3.Connection, conversation_id: int) -> None:
    """Find neither its title nor its messages any more; to be called while they are there."""
    connection.execute(
        "DELETE FROM search WHERE rowid = ?1 OR rowid IN"
        " (SELECT id FROM messages WHERE conversation = ?2)",
        (-conversation_id, conversation_id),
    )


def index_unfinished(connection: sqlite3.Connection) -> None:
    """Index the answers that a power cut left in the state WRITING."""
    rows = connection.execute(
        "SELECT id, text FROM messages WHERE state = 'writing' AND superseded = 0"
        " AND NOT EXISTS (SELECT 1 FROM search WHERE search.rowid = messages.id)"
    ).fetchall()
    for message_id, text in rows:
        index_message(connection, message_id, text_of(text))


def check_search(connection: sqlite3.Connection) -> None:
    """Read the table's beginning. Raises sqlite3's error where it is damaged or not there, or empty
    beside messages that have words."""
    connection.execute("SELECT words FROM search WHERE search MATCH '\"а\"*' LIMIT 1").fetchone()
    for part in ("content", "config", "data", "docsize", "idx"):
        connection.execute(f"SELECT * FROM search_{part} LIMIT 1").fetchone()
    empty = "NOT EXISTS (SELECT 1 FROM search_docsize)"
    shown = connection.execute(f"SELECT text FROM messages WHERE superseded = 0 AND {empty}")
    if any(folded_words(text_of(text)) for (text,) in shown):
        error = sqlite3.DatabaseError("the search table is empty")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def find(connection: sqlite3.Connection, text: str, limit: int) -> list[SearchHit]:
    """Titles, then messages, newest first, with every word of `text`; the last may be unfinished."""
    wanted = folded_words(text)
    if not wanted:
        return []
    query = " AND ".join(f'"{word}"' for word in wanted) + "*"
    rows = connection.execute(_TITLES, (query, limit)).fetchall()
    rows += connection.execute(_MESSAGES, (query, limit - len(rows))).fetchall()
    return [
        SearchHit(
            conversation_id=conversation_id,
            title=text_of(title),
            message_id=message_id,
            snippet=snippet_of(text_of(original), wanted),
            created=seconds_of(created),
        )
        for conversation_id, title, message_id, original, created in rows
    ]


def snippet_of(text: str, wanted: list[str]) -> Snippet:
    """The first found word of `text` with its surroundings; the text's beginning if there is none."""
    begin, end = _first_match(text, wanted)
    first, last = max(0, begin - _BEFORE_LETTERS), min(len(text), end + _AFTER_LETTERS)
    while 0 < first < begin and not text[first - 1].isspace():
        first += 1
    while end < last < len(text) and not text[last].isspace():
        last -= 1
    return Snippet(
        before=("…" if first else "") + _keep_edges(text[first:begin]),
        match=text[begin:end],
        after=_keep_edges(text[end:last]) + ("…" if last < len(text) else ""),
    )


def _first_match(text: str, wanted: list[str]) -> tuple[int, int]:
    whole, prefix = set(wanted), wanted[-1]
    for word, begin, end in words(text):
        if word in whole or word.startswith(prefix):
            return begin, end
    return 0, 0


def _keep_edges(text: str) -> str:
    """`text` on one line; a space beside the match stays."""
    line = one_line(text)
    if not line:
        return " " if text else ""
    left = " " if text[0].isspace() else ""
    right = " " if text[-1].isspace() else ""
    return left + line + right


def _index(connection: sqlite3.Connection, rowid: int, text: str) -> None:
    connection.execute("DELETE FROM search WHERE rowid = ?", (rowid,))
    folded = " ".join(folded_words(text))
    if folded:
        connection.execute("INSERT INTO search (rowid, words) VALUES (?, ?)", (rowid, folded))
