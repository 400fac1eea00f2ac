"""LibraryScreen: which conversation is open, and the list of the others beside it.

New, open, search, rename, delete. How a conversation is shown and answered is the chat screen's.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual import on
from textual.screen import Screen

from soro_edge.chat.messages import AnswerState, Message, Role
from soro_edge.chat.session import ChatSession
from soro_edge.engine.api import Engine
from soro_edge.errors import ConversationGone, SoroError
from soro_edge.locale import _
from soro_edge.tui.screens.dialogs import AskText, Confirm
from soro_edge.tui.services import (
    Conversation,
    ConversationStore,
    Found,
    Summary,
    TutorServices,
)
from soro_edge.tui.widgets.conversations import ConversationList, Entry
from soro_edge.tui.widgets.prompt import Prompt
from soro_edge.tui.widgets.status import StatusLine
from soro_edge.tui.widgets.transcript import Transcript
from soro_edge.tui.widgets.welcome import Welcome
from soro_edge.tui.wording import in_plain_words

WIDE_COLUMNS = 100
"""From this width on the list is shown without being asked for."""

LISTED = 200

UNDO_SECONDS = 60.0
"""So long a deleted chat can be brought back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A chat that can be brought back."""

    conversation_id: int
    draft: str
    """What stood in the prompt: changed since, it is the writing that Ctrl+Z undoes."""
    until: float
    """By the monotonic clock, in seconds."""


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
        self._opening = False
        self._list_asked = False
        self._asked: list[str] = []
        self._hits: list[Entry] | None = None
        """What the list is narrowed to by a search; None shows all."""
        self._deleted: list[Deleted] = []
        self._interrupted: Summary | None = None
        """The chat that a power cut ended, offered until another one is in use."""

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """An error in here is told, and ends nothing but what was asked for."""
        try:
            yield
        except SoroError as error:
            self.notify(" ".join(in_plain_words(error)), severity="error", markup=False)

    def _told_busy(self) -> bool:
        if self._busy:
            self.notify(_("Wait for the answer, or press Esc."), markup=False)
        return self._busy

    def _use(self, log: Conversation) -> None:
        self._log = log
        self._session = ChatSession(engine=self._engine, log=log, options=self._services.options)

    def _opened_store(self) -> ConversationStore | None:
        """The chats; where they are not there, the pupil hears why nothing happens."""
        if self._store is None:
            self.notify(
                _("Your chats are still being opened. Try again in a moment.")
                if self._opening
                else _("Your chats could not be opened: there is nothing to show."),
                markup=False,
            )
        return self._store

    def _fill_list(self) -> None:
        if not self._store:
            return
        view = self.query_one(ConversationList)
        current = self._log.id if self._log else None
        if self._hits is not None:
            heading = _("Found: {count}. Esc: all chats").format(count=len(self._hits))
            view.fill(self._hits, current, heading)
            return
        with self._telling():
            entries = [
                Entry(conversation_id=each.id, title=each.title, when=each.updated)
                for each in self._store.conversations(limit=LISTED)
            ]
            if current is None:
                entries.insert(
                    0, Entry(conversation_id=None, title=_("new chat"), when=time.time())
                )
            view.fill(entries, current)

    def _show_all(self) -> bool:
        """End a search; whether there was one."""
        searched, self._hits = self._hits is not None, None
        if searched:
            self._fill_list()
        return searched

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
        self._hits = None
        self._fill_list()  # another window may have added some
        (self.query_one(Prompt) if hide else view).focus()

    async def action_new(self) -> None:
        store = self._opened_store()
        if store and not self._told_busy():
            await self._begin_new(store)

    async def _begin_new(self, store: ConversationStore) -> None:
        self._hits = None
        self._use(store.new_conversation())
        await self._shown([])

    @on(ConversationList.Chosen)
    async def _open(self, message: ConversationList.Chosen) -> None:
        entry = message.entry
        if not self._store or self._told_busy():
            return
        if entry.conversation_id is None:
            self._close_narrow_list()
            return
        await self._open_chat(entry.conversation_id, entry.message_id)

    async def _open_chat(self, conversation_id: int, message_id: int | None = None) -> None:
        if not self._store:
            return
        with self._telling():
            log = self._store.conversation(conversation_id)
            messages = list(log.messages())
            self._use(log)
            self._interrupted = None
            await self._shown(messages, at=message_id)
            return
        self._fill_list()

    async def _offer_interrupted(self) -> None:
        """Where the last chat was ended by a power cut, say so and how to open it."""
        if not self._store or (self._log and self._log.id is not None):
            return
        with self._telling():
            for newest in self._store.conversations(limit=1):
                messages = self._store.conversation(newest.id).messages()
                if messages and is_interrupted(messages[-1]):
                    self._interrupted = newest
                    await self._show_welcome()

    async def _shown(self, messages: Sequence[Message], *, at: int | None = None) -> None:
        if messages:
            await self.query_one(Transcript).show(messages, at=at)
        else:
            await self._show_welcome()
        self._offer([message.text for message in messages if message.role is Role.USER])
        self.query_one(StatusLine).forget()
        self._fill_list()
        self._close_narrow_list()

    def _close_narrow_list(self) -> None:
        if self.size.width < WIDE_COLUMNS:  # there the list takes the room that reading needs
            self._list_asked, self._hits = False, None
            self.query_one(ConversationList).remove_class("shown")
            self._fill_list()
        self.query_one(Prompt).focus()

    async def _show_welcome(self) -> None:
        services = self._services
        interrupted = self._interrupted.title if self._interrupted else ""
        welcome = Welcome(services.languages, services.examples, interrupted)
        await self.query_one(Transcript).show_welcome(welcome)

    def _offer(self, asked: Sequence[str]) -> None:
        """What Up and Down bring into the prompt: questions of this chat, else of the one before."""
        self._asked = list(asked) or self._asked
        self.query_one(Prompt).recall.set(self._asked, () if asked else self._services.examples)

    def action_search(self) -> None:
        if not self._opened_store():
            return

        def found(words: str | None) -> None:
            if not words or not self._store:
                return
            with self._telling():
                hits = [_entry(hit) for hit in self._store.search(words, limit=50)]
                if not hits:
                    text = _("Nothing was found for «{words}». Try fewer or other words.")
                    self.notify(text.format(words=words), markup=False)
                    return
                self._hits = hits
                self._list_asked = True
                view = self.query_one(ConversationList)
                view.add_class("shown")
                self._fill_list()
                view.focus()

        self.app.push_screen(AskText(_("Search all chats for:")), found)

    def _chosen(self) -> int | None:
        """The highlighted conversation where the list is in use, else the open one."""
        view = self.query_one(ConversationList)
        if view.has_focus:
            return view.highlighted_id
        return self._log.id if self._log else None

    def action_rename(self) -> None:
        if not self._opened_store():
            return
        chosen = self._chosen()
        if chosen is None:
            self.notify(_("This chat is empty: there is nothing to rename."), markup=False)
            return

        def renamed(title: str | None) -> None:
            if title and self._store:
                with self._telling():
                    self._store.rename(chosen, title)
                self._fill_list()

        title = self.query_one(ConversationList).title_of(chosen)
        self.app.push_screen(AskText(_("New name of this chat:"), title), renamed)

    def action_delete(self) -> None:
        if not self._opened_store():
            return
        chosen = self._chosen()
        if chosen is None:
            self.notify(_("This chat is empty: there is nothing to delete."), markup=False)
            return
        if self._told_busy():
            return

        async def confirmed(sure: bool | None) -> None:
            if not sure or not self._store or self._told_busy():
                return
            with self._telling():
                await self._delete(self._store, chosen)
            self._fill_list()

        title = self.query_one(ConversationList).title_of(chosen)
        question = _("Delete this chat? For a minute Ctrl+Z brings it back.")
        self.app.push_screen(Confirm(f"{question}\n{title}".rstrip()), confirmed)

    async def _delete(self, store: ConversationStore, conversation_id: int) -> None:
        """Hide the chat at once; it is erased when the time to undo that is over."""
        with contextlib.suppress(ConversationGone):  # another window was quicker
            store.trash(conversation_id)
            draft = self.query_one(Prompt).text
            self._deleted.append(
                Deleted(
                    conversation_id=conversation_id,
                    draft=draft,
                    until=time.monotonic() + UNDO_SECONDS,
                )
            )
            self.notify(_("Deleted. Ctrl+Z brings it back, for a minute."), markup=False)
            self.set_timer(UNDO_SECONDS * 1.02, self._erase)  # the history's own clock decides
        self._engine.forget()
        if self._hits is not None:
            self._hits = [hit for hit in self._hits if hit.conversation_id != conversation_id]
        if self._log and self._log.id == conversation_id:
            await self._begin_new(store)

    def _erase(self) -> None:
        raise NotImplementedError

    async def action_undo(self) -> None:
        """Bring back the chat that was deleted last; what was written since is undone first."""
        prompt = self.query_one(Prompt)
        if not self._deleted or prompt.text != self._deleted[-1].draft:
            if prompt.history.undo_stack:
                prompt.undo()
            else:
                self.notify(_("There is nothing to bring back."), markup=False)
            return
        if not self._store or self._told_busy():
            return
        deleted = self._deleted.pop()
        if time.monotonic() > deleted.until:
            self._deleted.clear()  # the ones before it are older still
            self.notify(_("This chat was deleted more than a minute ago."), markup=False)
            return
        with self._telling():
            self._store.restore(deleted.conversation_id)
            self.notify(_("The chat is back."), markup=False)
            if self._log is None or self._log.id is None:
                await self._open_chat(deleted.conversation_id)
        self._fill_list()


def is_interrupted(last: Message) -> bool:
    """Whether a conversation that ends so was broken off: no answer, or one that never came to its end."""
    return last.role is Role.USER or last.state is AnswerState.WRITING


def _entry(hit: Found) -> Entry:
    piece = hit.snippet
    return Entry(
        conversation_id=hit.conversation_id,
        title=hit.title,
        when=hit.created,
        message_id=hit.message_id,
        snippet=(piece.before, piece.match, piece.after) if hit.message_id is not None else None,
    )
