"""What runs in threads: opening the history, loading the engine, streaming an answer.

`post` carries a message to the screen from any thread. Nothing here touches a widget.
"""

import contextlib
from collections.abc import Callable, Generator

from textual.message import Message

from soro_edge.chat.session import Answered, ChatEvent, ChatSession
from soro_edge.errors import QuestionTooLong, SoroError
from soro_edge.tui.loading import LeftError, PreparedEngine
from soro_edge.tui.services import ConversationStore

PROGRESS_STEPS = 50
"""So many messages at most tell of one loading."""

Post = Callable[[Message], bool]


class Loading(Message):
    """The model is checked and loaded; `fraction` from 0 to 1."""

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction


class Ready(Message):
    """The model is loaded."""


class HistoryOpened(Message):
    """Conversations can be kept from now on."""

    def __init__(self, store: ConversationStore) -> None:
        super().__init__()
        self.store = store


class HistoryFailed(Message):
    """Nothing can be kept: the history did not open."""

    def __init__(self, error: SoroError) -> None:
        super().__init__()
        self.error = error


class Told(Message):
    """An event of the answer that is being written."""

    def __init__(self, event: ChatEvent) -> None:
        super().__init__()
        self.event = event


class Failed(Message):
    """A worker could not go on. `draft` is the question that was asked, if there was one."""

    def __init__(self, error: SoroError, draft: str = "") -> None:
        super().__init__()
        self.error, self.draft = error, draft


class LengthChecked(Message):
    """Whether `draft` has room as a question; `error` where it has not."""

    def __init__(self, draft: str, error: QuestionTooLong | None) -> None:
        super().__init__()
        self.draft, self.error = draft, error


class Ended(Message):
    """Nothing is being written any more; what was written is stored."""


def open_history(opening: Callable[[], ConversationStore], post: Post) -> None:
    try:
        store = opening()
    except SoroError as error:
        post(HistoryFailed(error))
    except Exception:  # noqa: BLE001 the worker's edge: the screen must not wait for ever
        post(HistoryFailed(SoroError()))
    else:
        if not post(HistoryOpened(store)):
            store.close()  # the screen is gone already


def load_engine(engine: PreparedEngine, post: Post) -> None:
    shown = -1

    def progress(fraction: float) -> None:
        nonlocal shown
        step = int(fraction * PROGRESS_STEPS)
        if step != shown:
            shown = step
            post(Loading(fraction))

    try:
        engine.load(progress)
    except LeftError:
        return
    except SoroError as error:
        post(Failed(error))
    except Exception:  # noqa: BLE001 the worker's edge: the screen must not wait for ever
        post(Failed(SoroError()))
    else:
        post(Ready())


def read_ahead(session: ChatSession, draft: str, paused: bool, post: Post) -> None:
    """Whether it has room is told at once; what else goes wrong, when the question is asked."""
    try:
        if paused:
            post(LengthChecked(draft, _too_long(session, draft)))
        session.prepare(draft, paused=paused)
    except Exception:  # noqa: BLE001 the worker's edge: nobody waits for it
        return


def _too_long(session: ChatSession, draft: str) -> QuestionTooLong | None:
    try:
        session.check_length(draft)
    except QuestionTooLong as error:
        return error
    return None


def erase_deleted(store: ConversationStore) -> None:
    """What can no longer be brought back leaves the disk; what fails now is done at the end."""
    with contextlib.suppress(SoroError):
        store.purge()


class Answering:
    """One answer under way: `run` in a thread, `stop` from any."""

    def __init__(
        self,
        session: ChatSession,
        events: Generator[ChatEvent, None, None],
        draft: str,
        *,
        check: str = "",
    ) -> None:
        """`check` is a question whose length is looked at before anything is stored."""
        self._session = session
        self._events = events
        self._draft = draft
        self._check = check
        self._stopped = False

    def stop(self) -> None:
        """End it. Where the engine still loads, it ends as soon as it begins."""
        self._stopped = True
        self._session.stop()

    def run(self, post: Post) -> None:
        try:
            self._session.check_length(self._check)
            for event in self._events:
                post(Told(event))
                if self._stopped and not isinstance(event, Answered):
                    self._session.stop()
        except LeftError:
            pass
        except SoroError as error:
            post(Failed(error, self._draft))
        except Exception:  # noqa: BLE001 the worker's edge: the screen must not wait for ever
            post(Failed(SoroError(), self._draft))
        finally:
            self._events.close()
            post(Ended())
