"""What the screen needs from the rest of the program, as protocols and one bundle of values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from soro_edge.chat.messages import MessageLog
from soro_edge.chat.session import ChatOptions
from soro_edge.engine.api import Engine


class Summary(Protocol):
    """One line of the list of conversations."""

    @property
    def id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def updated(self) -> float: ...


class Snippet(Protocol):
    """A found word with what stands around it."""

    @property
    def before(self) -> str: ...
    @property
    def match(self) -> str: ...
    @property
    def after(self) -> str: ...


class Found(Protocol):
    """One message, or one title, that a search found."""

    @property
    def conversation_id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def message_id(self) -> int | None: ...
    @property
    def snippet(self) -> Snippet: ...
    @property
    def created(self) -> float: ...


class Conversation(MessageLog, Protocol):
    """A log that has a number once its first question is stored."""

    @property
    def id(self) -> int | None: ...


class Recovered(Protocol):
    """What opening a damaged history did, in sentences."""

    @property
    def message(self) -> str: ...
    @property
    def advice(self) -> str: ...


class ConversationStore(Protocol):
    """Keeps conversations; soro_edge.history.History is one. Raises StorageError."""

    @property
    def recovery(self) -> Recovered | None: ...
    def conversations(self, *, limit: int = ..., offset: int = ...) -> Sequence[Summary]: ...
    def new_conversation(self) -> Conversation: ...
    def conversation(self, conversation_id: int) -> Conversation: ...
    def rename(self, conversation_id: int, title: str) -> None: ...
    def trash(self, conversation_id: int) -> None:
        """Hide it; `restore` brings it back until `purge` erases what is older than a minute."""
        ...

    def restore(self, conversation_id: int) -> None: ...
    def purge(self) -> None: ...
    def search(self, text: str, *, limit: int = ...) -> Sequence[Found]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TutorServices:
    """Everything the tutor is built from. Nothing in it has been opened or started yet."""

    engine: Engine
    open_history: Callable[[], ConversationStore]
    options: ChatOptions
    model_title: str
    prepare: Callable[[Callable[[float], None]], None]
    """Checks the model's file before it is loaded; hears of progress; raises SoroError."""
    model_bytes: int = 0
    """Size of the model's file, for the progress of loading; 0 where it is not known."""
    languages: Sequence[str] = ()
    """Codes of the languages that the model knows, the best one first; empty where nobody said."""
    examples: Sequence[str] = ()
    """Questions for the empty half of the first screen."""
    dark: bool = True
