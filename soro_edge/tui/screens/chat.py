"""The chat screen: shows a ChatSession's events and turns keys into calls.

Threads run the engine and post messages (tui.work); only the handlers here touch widgets. What a
conversation is, is chat's; how it is kept, the store's; the list of them, LibraryScreen's.
"""

import asyncio
import contextlib
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from soro_edge.chat.letters import clean
from soro_edge.chat.messages import AnswerState, Role
from soro_edge.chat.session import Answered, ChatEvent, NotSaved, TurnsDropped
from soro_edge.engine.api import Prefilled, TextPiece
from soro_edge.errors import EmptyQuestion, EngineDied, NothingToRepeat, QuestionError, SoroError
from soro_edge.locale import N_, _
from soro_edge.tui import work
from soro_edge.tui.loading import PreparedEngine
from soro_edge.tui.screens.help import HelpScreen
from soro_edge.tui.screens.library import LibraryScreen
from soro_edge.tui.services import TutorServices
from soro_edge.tui.widgets.answer import import_markdown
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.letters import LetterRow
from soro_edge.tui.widgets.prompt import Prompt
from soro_edge.tui.widgets.status import StatusLine
from soro_edge.tui.widgets.transcript import Answer, Transcript, note_of

LEAVE_SECONDS = 2.0
"""A partial answer has so much time to be stored when the person leaves."""


class ChatScreen(LibraryScreen):
    """Transcript, prompt, list of conversations, status line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", N_("help"), key_display="F1"),
        Binding("f2", "toggle_list", N_("list"), key_display="F2"),
        Binding("f3", "search", show=False),
        Binding("f4", "new", N_("new chat"), key_display="F4"),
        Binding("f5", "again", N_("again"), key_display="F5"),
        Binding("f6", "rename", show=False, priority=True),
        Binding("f7", "letters", show=False, priority=True),
        Binding("f8", "delete", show=False),
        Binding("f9", "copy", show=False),
        Binding("f10", "leave", N_("quit"), key_display="F10"),
        Binding("escape", "stop", show=False),
        Binding("ctrl+c", "stop_or_copy", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]

    def __init__(self, services: TutorServices) -> None:
        self._prepared = PreparedEngine(services.engine, services.prepare)
        super().__init__(services, self._prepared)
        for bindings in self._bindings.key_to_bindings.values():
            bindings[:] = [
                replace(one, description=_(one.description)) if one.description else one
                for one in bindings
            ]
        self._answer: Answer | None = None
        self._replaces = False
        self._answering: work.Answering | None = None
        self._thread: Worker[None] | None = None
        self._waiting_question = ""
        self._last_error: SoroError | None = None
        self._leaving = False

    def compose(self) -> ComposeResult:
        yield ConversationList(id="list")
        with Vertical(id="main"):
            yield Transcript(id="transcript")
            yield LetterRow(id="letters", markup=False)
            yield Prompt(id="prompt", placeholder=_("Your question…"))
            notice = _("Soro can make mistakes. Check what matters.")
            yield Static(notice, id="notice", markup=False)
            yield StatusLine(id="status", model=self._services.model_title)
            yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        self.query_one(Prompt).focus()
        self.query_one(StatusLine).doing(_("loading…"), 0.0)
        await self.query_one(Transcript).show([])
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first paint: history and model, each in its thread."""
        self._start(partial(work.open_history, self._services.open_history, self.post_message))
        self._load()
        self._start(partial(import_markdown))

    def _load(self) -> None:
        self._start(partial(work.load_engine, self._prepared, self.post_message))

    def _start(self, task: partial[None]) -> Worker[None]:
        return self.run_worker(task, thread=True, exit_on_error=False)

    # What the threads tell

    @on(work.Loading)
    def _show_loading(self, message: work.Loading) -> None:
        self.query_one(StatusLine).doing(_("loading…"), message.fraction)

    @on(work.Ready)
    def _show_ready(self) -> None:
        self._last_error = None
        self.query_one(StatusLine).doing(_("thinking…") if self._busy else _("ready"))

    @on(work.HistoryOpened)
    async def _take_history(self, message: work.HistoryOpened) -> None:
        self._store = message.store
        recovery = message.store.recovery
        if recovery is not None:
            text = f"{recovery.message} {recovery.advice}"
            await self.query_one(Transcript).add_line(text, "failure")
        self._use(message.store.new_conversation())
        self._fill_list()
        if self._waiting_question:
            question, self._waiting_question = self._waiting_question, ""
            await self._ask(question)

    @on(work.Told)
    async def _show_event(self, message: work.Told) -> None:
        status, transcript = self.query_one(StatusLine), self.query_one(Transcript)
        match message.event:
            case TurnsDropped():
                await transcript.add_line(
                    _("The oldest turns no longer fit: the model does not see them any more.")
                )
            case Prefilled(done, total):
                status.doing(_("reading the question"), done / max(total, 1))
            case TextPiece(text):
                answer = await self._begun_answer()
                status.doing(_("writing… Esc: stop"))
                await answer.append(text)
            case NotSaved(error):
                await transcript.add_line(f"{error} {error.advice}", "failure")
            case Answered() as answered:
                answer = await self._begun_answer()
                await answer.finish(note_of(answered.state))
                counts = answered.statistics
                status.measured(
                    words=len(answered.text.split()),
                    seconds=counts.decode_seconds,
                    context_used=counts.context_used,
                )
                status.doing(_("ready"))

    async def _begun_answer(self) -> Answer:
        """The answer that is being written. An answer that it replaces goes only now."""
        transcript = self.query_one(Transcript)
        if self._answer is None:
            if self._replaces:
                await transcript.remove_last_answer()
            self._answer = await transcript.add_answer()
        return self._answer

    @on(work.Failed)
    async def _show_failure(self, message: work.Failed) -> None:
        error, transcript = message.error, self.query_one(Transcript)
        if self._answer is not None:
            await self._answer.finish(note_of(AnswerState.FAILED))
        if message.draft:
            await self._keep_draft(message.draft, error)
        if error is not self._last_error:
            await transcript.add_line(f"{error}\n{error.advice}", "failure")
        self._last_error = error
        self.query_one(StatusLine).doing(_("error"))
        if isinstance(error, EngineDied) and message.draft:
            self._load()

    async def _keep_draft(self, question: str, error: SoroError) -> None:
        """A question that is not kept, or must be changed, goes back to the prompt."""
        kept = self._is_stored(question)
        if not kept:
            await self.query_one(Transcript).remove_last_question()
        prompt = self.query_one(Prompt)
        if not prompt.text and (not kept or isinstance(error, QuestionError)):
            prompt.text = question
            prompt.move_cursor(prompt.document.end)

    def _is_stored(self, question: str) -> bool:
        try:
            messages = self._log.messages() if self._log else []
        except SoroError:
            return False
        return any(m.role is Role.USER and m.text == clean(question) for m in messages[-2:])

    @on(work.Ended)
    def _end(self) -> None:
        self._busy, self._answer, self._answering = False, None, None
        if not self._leaving:
            self._fill_list()

    # Asking

    @on(Prompt.PromptSubmitted)
    async def _submitted(self, message: Prompt.PromptSubmitted) -> None:
        if not message.text.strip():
            self.notify(str(EmptyQuestion()), markup=False)
        elif self._told_busy():
            pass
        elif self._store is None:
            self._waiting_question = message.text
        else:
            await self._ask(message.text)

    async def _ask(self, question: str) -> None:
        if self._session is None:
            return
        self.query_one(Prompt).clear()
        await self.query_one(Transcript).add_question(question.strip())
        self._run(self._session.ask(question), question)

    async def action_again(self) -> None:
        if self._session is None or self._log is None or self._told_busy():
            return
        with self._telling():
            if not self._log.messages():
                raise NothingToRepeat
            self._run(self._session.again(), "")

    def _run(self, events: Generator[ChatEvent, None, None], draft: str) -> None:
        if self._session is None:
            return
        self._busy, self._answer, self._replaces = True, None, not draft
        self._last_error = None
        self.query_one(StatusLine).doing(_("thinking…"))
        self._answering = work.Answering(self._session, events, draft)
        self._thread = self._start(partial(self._answering.run, self.post_message))

    # Keys

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_stop(self) -> None:
        if self._answering:
            self._answering.stop()
            self.query_one(StatusLine).doing(_("stopping…"))
        self.query_one(Prompt).focus()

    def action_stop_or_copy(self) -> None:
        selected = self.query_one(Prompt).selected_text or self.get_selected_text()
        if self._busy:
            self.action_stop()
        elif selected:
            self.app.copy_to_clipboard(selected)
            self.notify(_("copied"), markup=False)
        else:
            self.notify(_("F10 quits."), markup=False)

    def action_copy(self) -> None:
        answers = self.query(Answer)
        if answers:
            self.app.copy_to_clipboard(answers.last().text)
            self.notify(_("copied"), markup=False)

    def action_letters(self) -> None:
        """Show and enter the row of letters; from within it, hide it."""
        row = self.query_one(LetterRow)
        hide = row.has_focus
        row.set_class(not hide, "shown")
        (self.query_one(Prompt) if hide else row).focus()

    @on(LetterRow.Picked)
    def _insert(self, message: LetterRow.Picked) -> None:
        prompt = self.query_one(Prompt)
        prompt.insert(message.letter)
        prompt.focus()

    async def action_page(self, direction: int) -> None:
        view = self.query_one(ConversationList)
        if not view.has_focus:
            await self.query_one(Transcript).page(direction)
        else:
            await view.run_action("page_up" if direction < 0 else "page_down")

    def action_leave(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Stop the answer, let what was streamed be stored, then go."""
        if not self._leaving:
            self._leaving = True
            self.run_worker(self._leave(), exit_on_error=False)

    def abandon(self) -> None:
        """From any thread, when `leave` did not come to its end."""
        if self._answering:
            self._answering.stop()
        self._prepared.close()

    async def _leave(self) -> None:
        if self._answering:
            self._answering.stop()
            await self._stored()
        # Otherwise the process would wait for the end of a loading, without a screen.
        closing = asyncio.get_running_loop().run_in_executor(None, self._prepared.close)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(closing), LEAVE_SECONDS)
        await self._stored()
        if self._store:
            self._store.close()
        self.app.exit()

    async def _stored(self) -> None:
        """Wait, not for long, until the answer's thread has ended."""
        if self._thread:
            with contextlib.suppress(TimeoutError, WorkerFailed, WorkerCancelled):
                await asyncio.wait_for(self._thread.wait(), LEAVE_SECONDS)
