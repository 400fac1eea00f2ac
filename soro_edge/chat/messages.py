"""A conversation's messages, and the protocol of whatever keeps them.

Knows no SQLite and no engine's inside; history implements MessageLog, so does a list in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class AnswerState(StrEnum):
    """How an answer ended, as it is stored."""

    WRITING = "writing"
    """Still streaming; found later, it means that the power went."""
    COMPLETE = "complete"
    CUT = "cut"
    """Ended by the limit on tokens or by a full context window."""
    STOPPED = "stopped"
    """By a person."""
    LOOPED = "looped"
    EMPTY = "empty"
    FAILED = "failed"
    """The engine was lost in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One question or one answer."""

    id: int
    role: Role
    text: str
    state: AnswerState = AnswerState.COMPLETE
    """Of an answer; a question is always complete."""


class MessageLog(Protocol):
    """Keeps one conversation. Each call returns when its message is safe. Raises StorageError."""

    def messages(self) -> Sequence[Message]:
        """In order, without answers that were asked for again."""
        ...

    def add_question(self, text: str) -> int:
        """Keep a question; its id. The first one begins the conversation."""
        ...

    def begin_answer(self) -> int:
        """An empty answer in state WRITING; its id."""
        ...

    def write_answer(self, answer_id: int, text: str, state: AnswerState) -> None:
        """The answer's text so far, whole, and its state."""
        ...

    def set_aside_answer(self) -> None:
        """Hide the last answer, because the question is asked again. It stays in the file.

        Does nothing where the last message is a question.
        """
        ...
