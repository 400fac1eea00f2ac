"""The chat screen: shows a ChatSession's events and turns keys into calls.

Workers run the engine and the history's opening in threads and post messages; only the handlers here
touch widgets. What a conversation is, is chat's; how it is kept, the store's.
"""

import asyncio
import contextlib
import importlib
from collections.abc import Callable, Generator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from soro_edge.chat.letters import clean
from soro_edge.chat.messages import Role
from soro_edge.chat.session import Answered, ChatEvent, ChatSession, NotSaved, TurnsDropped
from soro_edge.engine.api import Prefilled, TextPiece
from soro_edge.errors import EmptyQuestion, EngineDied, SoroError
from soro_edge.locale import _
from soro_edge.tui.screens.dialogs import AskText, Confirm
from soro_edge.tui.screens.help import HelpScreen
from soro_edge.tui.services import Conversation, ConversationStore, TutorServices
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.prompt import Prompt
from soro_edge.tui.widgets.status import StatusLine
from soro_edge.tui.widgets.transcript import Answer, Transcript, note_of

LEAVE_SECONDS = 2.0
WIDE_COLUMNS = 100


class ChatScreen(Screen[None]):
    """Transcript, prompt, list of conversations, status line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", _("help"), key_display="F1"),
        Binding("f2", "toggle_list", _("list"), key_display="F2"),
        Binding("f3", "search", show=False),
        Binding("f4", "new", _("new chat"), key_display="F4"),
        Binding("f5", "again", _("again"), key_display="F5"),
        Binding("f6", "rename", show=False, priority=True),
        Binding("f8", "delete", show=False),
        Binding("f9", "copy", show=False),
        Binding("f10", "leave", _("quit"), key_display="F10"),
        Binding("escape", "stop", show=False),
        Binding("ctrl+c", "stop_or_leave", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
        Binding("pageup", "scroll_transcript(-1)", show=False, priority=True),
        Binding("pagedown", "scroll_transcript(1)", show=False, priority=True),
    ]

    class Loading(Message):
        def __init__(self, what: str, fraction: float) -> None:
            super().__init__()
            self.what, self.fraction = what, fraction

    class Ready(Message):
        pass

    class Opened(Message):
        def __init__(self, store: ConversationStore) -> None:
            super().__init__()
            self.store = store

    class Told(Message):
        """An event of the answer that is being written."""

        def __init__(self, event: ChatEvent) -> None:
            super().__init__()
            self.event = event

    class Failed(Message):
        """Something went wrong in a worker; `draft` goes back to the prompt."""

        def __init__(self, error: SoroError, draft: str = "") -> None:
            super().__init__()
            self.error, self.draft = error, draft

    def __init__(self, services: TutorServices) -> None:
        super().__init__()
        self._services = services
        self._store: ConversationStore | None = None
        self._log: Conversation | None = None
        self._session: ChatSession | None = None
        self._answer: Answer | None = None
        self._answering: Worker[None] | None = None
        self._waiting_question = ""
        self._leaving = False

    def compose(self) -> ComposeResult:
        yield ConversationList(id="list")
        with Vertical(id="main"):
            yield Transcript(id="transcript")
            yield Prompt(id="prompt", placeholder=_("Your question…"))
            yield Static(
                _("Soro can make mistakes. Check what matters."), id="notice", markup=False
            )
            yield StatusLine(id="status", model=self._services.model_title)
            yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        self.query_one(Prompt).focus()
        self.query_one(ConversationList).set_class(self.size.width >= WIDE_COLUMNS, "shown")
        self.query_one(StatusLine).doing(_("loading…"), 0.0)
        await self.query_one(Transcript).show([])
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first paint: history and model, each in its thread."""
        self.run_worker(self._open_history, thread=True, exit_on_error=False)
        self._load()

    def _load(self) -> None:
        self.run_worker(self._load_engine, thread=True, exit_on_error=False)

    # Workers: they post messages and touch no widget.

    def _open_history(self) -> None:
        # Warmed up here, while the model loads, so that the first answer does not wait for it.
        importlib.import_module("textual.widgets._markdown")
        try:
            self.post_message(self.Opened(self._services.open_history()))
        except SoroError as error:
            self.post_message(self.Failed(error))

    def _load_engine(self) -> None:
        def tell(what: str) -> Callable[[float], None]:
            shown = -1

            def progress(fraction: float) -> None:
                nonlocal shown
                if int(fraction * 50) != shown:
                    shown = int(fraction * 50)
                    self.post_message(self.Loading(what, fraction))

            return progress

        try:
            self._services.prepare(tell(_("checking the model")))
            self._services.engine.load(tell(_("loading…")))
        except SoroError as error:
            self.post_message(self.Failed(error))
        else:
            self.post_message(self.Ready())

    def _stream(self, events: Generator[ChatEvent, None, None], draft: str) -> None:
        try:
            for event in events:
                self.post_message(self.Told(event))
        except SoroError as error:
            self.post_message(self.Failed(error, draft))
        finally:
            events.close()

    # What the workers tell

    def on_chat_screen_loading(self, message: Loading) -> None:
        self.query_one(StatusLine).doing(message.what, message.fraction)

    def on_chat_screen_ready(self) -> None:
        if not self._busy:
            self.query_one(StatusLine).doing(_("ready"))

    async def on_chat_screen_opened(self, message: Opened) -> None:
        self._store = message.store
        recovery = message.store.recovery
        if recovery is not None:
            text = f"{recovery.message} {recovery.advice}"
            await self.query_one(Transcript).add_line(text, "failure")
        self._use(message.store.new_conversation())
        await self._fill_list()
        if self._waiting_question:
            question, self._waiting_question = self._waiting_question, ""
            await self._ask(question)

    async def on_chat_screen_told(self, message: Told) -> None:
        status, transcript = self.query_one(StatusLine), self.query_one(Transcript)
        match message.event:
            case TurnsDropped():
                await transcript.add_line(
                    _("The oldest turns no longer fit: the model does not see them any more.")
                )
                self._answer = await transcript.add_answer()
            case Prefilled(done, total):
                status.doing(_("reading the question"), done / total)
            case TextPiece(text):
                if self._answer:
                    status.doing(_("writing… Esc: stop"))
                    await self._answer.append(text)
            case NotSaved(error):
                await transcript.add_line(f"{error} {error.advice}", "failure")
            case Answered() as answered:
                await self._finish(answered)

    async def _finish(self, answered: Answered) -> None:
        if self._answer:
            await self._answer.finish(note_of(answered.state))
        counts = answered.statistics
        self.query_one(StatusLine).measured(
            words=len(answered.text.split()),
            seconds=counts.decode_seconds,
            context_used=counts.context_used,
        )
        await self._fill_list()

    async def on_chat_screen_failed(self, message: Failed) -> None:
        error = message.error
        prompt = self.query_one(Prompt)
        if message.draft and not prompt.text and not self._is_stored(message.draft):
            prompt.text = message.draft
        await self.query_one(Transcript).add_line(f"{error}\n{error.advice}", "failure")
        self.query_one(StatusLine).doing(_("error"))
        if isinstance(error, EngineDied):
            self._load()

    def _is_stored(self, question: str) -> bool:
        messages = self._log.messages() if self._log else []
        return any(m.role is Role.USER and m.text == clean(question) for m in messages[-2:])

    # Asking

    async def on_prompt_prompt_submitted(self, message: Prompt.PromptSubmitted) -> None:
        if self._busy:
            self.notify(_("Wait for the answer, or press Esc."))
        elif not message.text.strip():
            self.notify(str(EmptyQuestion()))
        elif self._store is None:
            self._waiting_question = message.text
        else:
            await self._ask(message.text)

    async def _ask(self, question: str) -> None:
        if self._session is None:
            return
        self.query_one(Prompt).clear()
        await self.query_one(Transcript).add_question(question.strip())
        await self._run(self._session.ask(question), question)

    async def _run(self, events: Generator[ChatEvent, None, None], draft: str) -> None:
        self._answer = await self.query_one(Transcript).add_answer()
        self.query_one(StatusLine).doing(_("thinking…"))
        self._answering = self.run_worker(
            lambda: self._stream(events, draft), thread=True, exit_on_error=False
        )

    @property
    def _busy(self) -> bool:
        return self._answering is not None and not self._answering.is_finished

    def _use(self, log: Conversation) -> None:
        self._log = log
        self._session = ChatSession(
            engine=self._services.engine, log=log, options=self._services.options
        )

    async def _fill_list(self) -> None:
        if self._store and not self._leaving:
            current = self._log.id if self._log else None
            await self.query_one(ConversationList).fill(
                self._store.conversations(limit=200), current
            )

    # Keys

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_toggle_list(self) -> None:
        view = self.query_one(ConversationList)
        shown = view.has_class("shown")
        if shown and not view.has_focus:
            view.focus()
            return
        view.set_class(not shown, "shown")
        (self.query_one(Prompt) if shown else view).focus()

    async def action_new(self) -> None:
        if self._store and not self._busy:
            self._use(self._store.new_conversation())
            await self.query_one(Transcript).show([])
            await self._fill_list()
            self.query_one(Prompt).focus()

    async def on_conversation_list_chosen(self, message: ConversationList.Chosen) -> None:
        await self._open(message.conversation_id)

    async def _open(self, conversation_id: int) -> None:
        if not self._store or self._busy:
            return
        try:
            log = self._store.conversation(conversation_id)
        except SoroError as error:
            self.notify(str(error), severity="error")
            return
        self._use(log)
        await self.query_one(Transcript).show(list(log.messages()))
        await self._fill_list()
        self.query_one(Prompt).focus()

    async def action_again(self) -> None:
        if self._session and self._log and self._log.messages() and not self._busy:
            await self.query_one(Transcript).remove_last_answer()
            await self._run(self._session.again(), "")

    def action_stop(self) -> None:
        if self._busy and self._session:
            self._session.stop()
        else:
            self.query_one(Prompt).focus()

    def action_stop_or_leave(self) -> None:
        if self._busy:
            self.action_stop()
        else:
            self.notify(_("F10 quits."))

    def action_copy(self) -> None:
        answers = self.query(Answer)
        if answers:
            self.app.copy_to_clipboard(answers.last().text)
            self.notify(_("copied"))

    def action_search(self) -> None:
        async def found(words: str | None) -> None:
            if not words or not self._store:
                return
            results = self._store.search(words, limit=50)
            if not results:
                self.notify(_("Nothing was found."))
                return
            view = self.query_one(ConversationList)
            view.set_class(True, "shown")
            await view.fill([_Hit(r.conversation_id, r.title) for r in results], None)
            view.focus()

        self.app.push_screen(AskText(_("search")), found)

    def _chosen(self) -> int | None:
        view = self.query_one(ConversationList)
        if view.has_focus:
            return view.highlighted_id
        return self._log.id if self._log else None

    def action_rename(self) -> None:
        chosen = self._chosen()
        if chosen is None or not self._store:
            return

        async def renamed(title: str | None) -> None:
            if title and self._store:
                self._store.rename(chosen, title)
                await self._fill_list()

        titles = {one.id: one.title for one in self._store.conversations(limit=200)}
        self.app.push_screen(AskText(_("rename"), titles.get(chosen, "")), renamed)

    def action_delete(self) -> None:
        chosen = self._chosen()
        if chosen is None or self._busy:
            return

        async def confirmed(sure: bool | None) -> None:
            if sure and self._store:
                self._store.delete(chosen)
                if self._log and self._log.id == chosen:
                    await self.action_new()
                await self._fill_list()

        self.app.push_screen(Confirm(_("Delete this conversation for ever?")), confirmed)

    def action_scroll_transcript(self, direction: int) -> None:
        transcript = self.query_one(Transcript)
        if direction < 0:
            transcript.scroll_page_up(animate=False)
        else:
            transcript.scroll_page_down(animate=False)

    def action_leave(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Stop the answer, let what was streamed be stored, then go."""
        if not self._leaving:
            self._leaving = True
            self.run_worker(self._leave(), exit_on_error=False)

    async def _leave(self) -> None:
        if self._busy and self._session and self._answering:
            self._session.stop()
            with contextlib.suppress(TimeoutError, WorkerFailed, WorkerCancelled):
                await asyncio.wait_for(self._answering.wait(), LEAVE_SECONDS)
        if self._store:
            self._store.close()
        self.app.exit()


class _Hit:
    """A search's result as a line of the list."""

    def __init__(self, id: int, title: str) -> None:
        self.id = id
        self.title = title
