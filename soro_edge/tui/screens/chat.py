"""The chat screen: shows a ChatSession's events and turns keys into calls.

Threads run the engine and post messages (tui.work); only the handlers here touch widgets. What a
conversation is, is chat's; how it is kept, the store's; asking is AskingScreen's, the list
LibraryScreen's. Here: what is on the screen, loading, keys, leaving.
"""

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static, TextArea
from textual.worker import WorkerCancelled, WorkerFailed

from soro_edge.engine.progress import LoadingProgress
from soro_edge.errors import QuestionError, SoroError
from soro_edge.locale import N_, _
from soro_edge.tui import work
from soro_edge.tui.loading import PreparedEngine
from soro_edge.tui.screens.asking import AskingScreen
from soro_edge.tui.screens.help import HelpScreen
from soro_edge.tui.services import TutorServices
from soro_edge.tui.widgets.answer import import_markdown
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.keys import KeyLine
from soro_edge.tui.widgets.letters import LetterRow
from soro_edge.tui.widgets.prompt import Prompt
from soro_edge.tui.widgets.status import StatusLine
from soro_edge.tui.widgets.transcript import Answer, Transcript
from soro_edge.tui.widgets.welcome import Example
from soro_edge.tui.wording import in_plain_words

LEAVE_SECONDS = 2.0
"""A partial answer has so much time to be stored when the person leaves."""


ROW_HIDES = frozenset({"help", "toggle_list", "search", "new", "again", "rename", "delete"})
"""Their keys write letters while the row is open."""


class ChatScreen(AskingScreen):
    """Transcript, prompt, list of conversations, status line."""

    AUTO_FOCUS = "#prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", N_("help"), key_display="F1"),
        Binding("f2", "toggle_list", N_("list"), key_display="F2"),
        Binding("f3", "search", show=False),
        Binding("f4", "new", N_("new chat"), key_display="F4"),
        Binding("f5", "again", N_("again"), key_display="F5"),
        Binding("f6", "rename", show=False),
        Binding("f7", "letters", N_("letters"), key_display="F7"),
        Binding("f8", "delete", show=False),
        Binding("f9", "copy", show=False),
        Binding("f10", "leave", N_("quit"), key_display="F10"),
        Binding("escape", "stop", show=False),
        Binding("ctrl+z", "undo", show=False, priority=True),
        Binding("ctrl+c", "stop_or_copy", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
    ]

    def __init__(self, services: TutorServices) -> None:
        self._prepared = PreparedEngine(services.engine, services.prepare)
        super().__init__(services, self._prepared)
        self._loading_progress = LoadingProgress(services.model_bytes)
        for bindings in self._bindings.key_to_bindings.values():
            bindings[:] = [
                replace(one, description=_(one.description)) if one.description else one
                for one in bindings
            ]

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ConversationList(id="list")
            with Vertical(id="main"):
                yield Transcript(id="transcript")
                yield LetterRow(id="letters", markup=False)
                yield Prompt(id="prompt", placeholder=_("Your question…"))
        yield Static(id="notice", markup=False)
        yield StatusLine(id="status", model=self._services.model_title)
        yield KeyLine(show_command_palette=False)

    async def on_mount(self) -> None:
        self.watch(self, "focused", self._tell_keys)
        self.query_one(StatusLine).doing(_("loading…"), 0.0)
        await self._show_welcome()
        self._offer([])
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first paint: history and model, each in its thread."""
        self._open_history()
        self._load()
        self._start(partial(import_markdown))

    def _load(self) -> None:
        self._start(partial(work.load_engine, self._prepared, self.post_message))

    # What the threads tell

    @on(work.Loading)
    def _show_loading(self, message: work.Loading) -> None:
        told = self._loading_progress.line(message.fraction)
        self.query_one(StatusLine).doing(f"{_('loading…')} {told}".rstrip(), message.fraction)

    @on(work.Ready)
    def _show_ready(self) -> None:
        self._engine_error, self._ready = None, True
        self.query_one(StatusLine).doing(_("thinking…") if self._busy else _("ready"))
        self._read_ahead()

    # Keys

    def _tell_keys(self, focused: Widget | None) -> None:
        if isinstance(focused, ConversationList) and self.query_one(Prompt).row_open:
            self._open_letters(False)  # its keys are the list's now
        self._show_notice(focused)

    def _show_notice(self, focused: Widget | None = None) -> None:
        """Below the prompt: a question that is too long, what the keys do in the part that is in use,
        else the warning."""
        focused = focused or self.focused
        line = self.query_one("#notice", Static)
        line.set_class(bool(self._too_long), "failure")
        if self._too_long:
            notice = " ".join(in_plain_words(self._too_long[1]))
        elif isinstance(focused, ConversationList):
            notice = _("↑↓ Enter: open   F3: search   F6: rename   F8: delete   F2: close")
        elif self.query_one(Prompt).row_open:
            notice = _("F1…F6: write the letter   F8: small or capital   F7: close")
        else:
            notice = _("Soro can make mistakes. Check what matters.")
        line.update(notice)

    def _erase(self) -> None:
        if self._store:
            self._start(partial(work.erase_deleted, self._store))

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_stop(self) -> None:
        if self._answering:
            self._answering.stop()
            self.query_one(StatusLine).doing(_("stopping…"))
        elif self._show_all():
            return
        elif self.query_one(ConversationList).has_focus:
            self.action_toggle_list()
        elif self.query_one(Prompt).row_open:
            self._open_letters(False)
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
        if not answers:
            self.notify(_("There is no answer to copy yet."), markup=False)
            return
        self.app.copy_to_clipboard(answers.last().text)
        self.notify(_("The last answer was copied."), markup=False)

    def action_letters(self) -> None:
        """Open the row of letters, or close it; typing goes on in the question."""
        prompt = self.query_one(Prompt)
        prompt.focus()
        self._open_letters(not prompt.row_open)

    def _open_letters(self, open_: bool) -> None:
        self.query_one(Prompt).row_open = open_
        self.query_one(LetterRow).set_class(open_, "shown")
        self._show_case()
        self._tell_keys(self.query_one(Prompt) if open_ else self.focused)
        self.refresh_bindings()  # the line of keys leaves out what the row uses

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        hidden = self.is_mounted and self.query_one(Prompt).row_open
        return not (hidden and action in ROW_HIDES)

    @on(Prompt.CaseChanged)
    @on(TextArea.SelectionChanged)
    def _show_case(self) -> None:
        self.query_one(LetterRow).capitals = self.query_one(Prompt).capitals

    @on(LetterRow.Picked)
    def _insert(self, message: LetterRow.Picked) -> None:
        prompt = self.query_one(Prompt)
        prompt.press_row_key(message.key)
        prompt.focus()

    @on(Example.Picked)
    def _write_example(self, message: Example.Picked) -> None:
        prompt = self.query_one(Prompt)
        if not prompt.text or prompt.text in self._services.examples:
            prompt.write(message.text)
        prompt.focus()

    async def action_page(self, direction: int) -> None:
        view = self.query_one(ConversationList)
        if not view.has_focus:
            await self.query_one(Transcript).page(direction)
        else:
            await view.run_action("page_up" if direction < 0 else "page_down")

    def action_leave(self) -> None:
        self.leave()

    def leave(self, reason: SoroError | None = None) -> None:
        """Stop the answer, let what was streamed be stored, then go."""
        if not self._leaving:
            self._leaving = True
            self.run_worker(self._leave(reason or self._trouble()), exit_on_error=False)

    def _trouble(self) -> SoroError | None:
        """What still keeps the tutor from working. A refused question does not."""
        if isinstance(self._engine_error, QuestionError):
            return self._history_error
        return self._history_error or self._engine_error

    def abandon(self) -> None:
        """From any thread, when `leave` did not come to its end."""
        if self._answering:
            self._answering.stop()
        self._prepared.close()

    async def _leave(self, reason: SoroError | None) -> None:
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
        self.app.exit(reason)

    async def _stored(self) -> None:
        """Wait, not for long, until the answer's thread has ended."""
        if self._thread:
            with contextlib.suppress(TimeoutError, WorkerFailed, WorkerCancelled):
                await asyncio.wait_for(self._thread.wait(), LEAVE_SECONDS)
