"""LibraryScreen: which conversation is open, and the list of the others beside it.

New, open, search, rename, delete. How a conversation is shown and answered is the chat screen's.
"""

import contextlib
from collections.abc import Iterator, Sequence

from textual import on
from textual.screen import Screen

from soro_edge.chat.messages import Message
from soro_edge.chat.session import ChatSession
from soro_edge.engine.api import Engine
from soro_edge.errors import ConversationGone, SoroError
from soro_edge.locale import _
from soro_edge.tui.screens.dialogs import AskText, Confirm
from soro_edge.tui.services import Conversation, ConversationStore, TutorServices
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.prompt import Prompt
from soro_edge.tui.widgets.status import StatusLine
from soro_edge.tui.widgets.transcript import Transcript

WIDE_COLUMNS = 100
"""From this width on the list is shown without being asked for."""

LISTED = 200


class LibraryScreen(Screen[None]):
    """The conversations' half of the chat screen."""

    def __init__(self, services: TutorServices, engine: Engine) -> None:
        super().__init__()
        self._services = services
        self._engine = engine
        self._store: ConversationStore | None = None
        self._log: Conversation | None = None
        self._session: ChatSession | None = None
        self._busy = False
        self._list_asked = False

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """An error in here is told, and ends nothing but what was asked for."""
        try:
            yield
        except SoroError as error:
            self.notify(f"{error} {error.advice}", severity="error", markup=False)

    def _told_busy(self) -> bool:
        if self._busy:
            self.notify(_("Wait for the answer, or press Esc."), markup=False)
        return self._busy

    def _use(self, log: Conversation) -> None:
        self._log = log
        self._session = ChatSession(engine=self._engine, log=log, options=self._services.options)

    def _fill_list(self) -> None:
        if not self._store:
            return
        with self._telling():
            found = self._store.conversations(limit=LISTED)
            current = self._log.id if self._log else None
            listed = ((one.id, one.title) for one in found)
            self.query_one(ConversationList).fill(listed, current)

    def on_resize(self) -> None:
        if not self._list_asked:
            view, wide = self.query_one(ConversationList), self.size.width >= WIDE_COLUMNS
            view.set_class(wide, "shown")
            if view.has_focus and not wide:
                self.query_one(Prompt).focus()

    def action_toggle_list(self) -> None:
        """Show and enter the list, or hide it."""
        self._list_asked = True
        view = self.query_one(ConversationList)
        hide = view.has_class("shown")
        view.set_class(not hide, "shown")
        if hide:
            self.query_one(Prompt).focus()
            self._fill_list()  # all of them again, after a search
        else:
            self._fill_list()  # another window may have added some
            view.focus()

    async def action_new(self) -> None:
        if not self._store or self._told_busy():
            return
        self._use(self._store.new_conversation())
        await self._shown([])

    @on(ConversationList.Chosen)
    async def _open(self, message: ConversationList.Chosen) -> None:
        if not self._store or self._told_busy():
            return
        with self._telling():
            log = self._store.conversation(message.conversation_id)
            messages = list(log.messages())
            self._use(log)
            await self._shown(messages)
            return
        self._fill_list()

    async def _shown(self, messages: Sequence[Message]) -> None:
        await self.query_one(Transcript).show(messages)
        status = self.query_one(StatusLine)
        status.forget()
        self._fill_list()
        if self.size.width < WIDE_COLUMNS:  # there the list takes the room that reading needs
            self._list_asked = False
            self.query_one(ConversationList).remove_class("shown")
        self.query_one(Prompt).focus()

    def action_search(self) -> None:
        def found(words: str | None) -> None:
            if not words or not self._store:
                return
            with self._telling():
                results = self._store.search(words, limit=50)
                if not results:
                    self.notify(_("Nothing was found."), markup=False)
                    return
                view = self.query_one(ConversationList)
                self._list_asked = True
                view.set_class(True, "shown")
                view.fill(((one.conversation_id, one.title) for one in results), None)
                view.focus()

        self.app.push_screen(AskText(_("Search all chats for:")), found)

    def _chosen(self) -> int | None:
        """The highlighted conversation where the list is in use, else the open one."""
        view = self.query_one(ConversationList)
        if view.has_focus:
            return view.highlighted_id
        return self._log.id if self._log else None

    def action_rename(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            self._tell_nothing_kept()
            return

        def renamed(title: str | None) -> None:
            if title and self._store:
                with self._telling():
                    self._store.rename(chosen, title)
                self._fill_list()

        title = self.query_one(ConversationList).title_of(chosen)
        self.app.push_screen(AskText(_("New name of this chat:"), title), renamed)

    def action_delete(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            self._tell_nothing_kept()
            return
        if self._told_busy():
            return

        async def confirmed(sure: bool | None) -> None:
            if not sure or not self._store or self._told_busy():
                return
            with self._telling():
                with contextlib.suppress(ConversationGone):  # another window was quicker
                    self._store.delete(chosen)
                self._engine.forget()
                if self._log and self._log.id == chosen:
                    await self.action_new()
            self._fill_list()

        title = self.query_one(ConversationList).title_of(chosen)
        question = _("Delete this conversation for ever?")
        self.app.push_screen(Confirm(f"{question}\n{title}".rstrip()), confirmed)

    def _tell_nothing_kept(self) -> None:
        self.notify(_("Nothing has been asked here yet."), markup=False)
