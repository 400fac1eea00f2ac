"""AskingScreen: a question goes out, its answer comes in, and what goes wrong on the way is told.

Threads run the session and post messages (tui.work); the handlers here show them. Which conversation
it is, is LibraryScreen's; keys, loading and leaving are ChatScreen's.
"""

from collections.abc import Generator
from functools import partial

from textual import on
from textual.worker import Worker

from soro_edge.chat.letters import clean
from soro_edge.chat.messages import AnswerState, Role
from soro_edge.chat.session import Answered, ChatEvent, NotSaved, QuestionStored, TurnsDropped
from soro_edge.engine.api import Engine, Prefilled, TextPiece
from soro_edge.errors import EmptyQuestion, EngineDied, QuestionError, QuestionTooLong, SoroError
from soro_edge.locale import _
from soro_edge.tui import work
from soro_edge.tui.screens.library import LibraryScreen
from soro_edge.tui.services import Conversation, TutorServices
from soro_edge.tui.widgets.prompt import Prompt
from soro_edge.tui.widgets.status import StatusLine
from soro_edge.tui.widgets.transcript import Answer, Transcript, note_of
from soro_edge.tui.wording import in_plain_words


class AskingScreen(LibraryScreen):
    """The half of the chat screen that asks and shows answers."""

    def __init__(self, services: TutorServices, engine: Engine) -> None:
        super().__init__(services, engine)
        self._answer: Answer | None = None
        self._replaces = False
        self._answering: work.Answering | None = None
        self._thread: Worker[None] | None = None
        self._waiting_question = ""
        self._history_error: SoroError | None = None
        self._engine_error: SoroError | None = None
        self._too_long: tuple[str, QuestionTooLong] | None = None
        """A draft that has no room, and why."""
        self._leaving = False
        self._ready = False
        self._reading: Worker[None] | None = None

    def _start(self, task: partial[None]) -> Worker[None]:
        return self.run_worker(task, thread=True, exit_on_error=False)

    def _load(self) -> None:
        """Check and load the model, in a thread."""
        raise NotImplementedError

    # The history

    def _open_history(self) -> None:
        self._opening = True
        self._start(partial(work.open_history, self._services.open_history, self.post_message))

    @on(work.HistoryOpened)
    async def _take_history(self, message: work.HistoryOpened) -> None:
        self._store, self._opening, self._history_error = message.store, False, None
        recovery = message.store.recovery
        if recovery is not None:
            text = f"{recovery.message} {recovery.advice}"
            await self.query_one(Transcript).add_line(text, "failure")
        self._use(message.store.new_conversation())
        self._fill_list()
        if not self._waiting_question:
            await self._offer_interrupted()
        if self._waiting_question:
            question, self._waiting_question = self._waiting_question, ""
            await self._ask(question)

    @on(work.HistoryFailed)
    async def _show_history_failure(self, message: work.HistoryFailed) -> None:
        self._opening, self._waiting_question = False, ""
        self._history_error = message.error
        await self._tell(message.error)

    # Asking

    @on(Prompt.PromptSubmitted)
    async def _submitted(self, message: Prompt.PromptSubmitted) -> None:
        if not message.text.strip():
            self.notify(str(EmptyQuestion()), markup=False)
        elif self._told_busy() or self._told_too_long(message.text):
            pass
        elif self._store is None:
            self._waiting_question = message.text
            if not self._opening:
                self._open_history()  # it failed before: perhaps the reason is gone
        else:
            await self._ask(message.text)

    async def _ask(self, question: str) -> None:
        if self._session is None:
            return
        self.query_one(Prompt).clear()
        await self.query_one(Transcript).add_question(question.strip())
        self._offer([*self._questions(), question.strip()])
        self._run(self._session.ask(question), question)

    async def action_again(self) -> None:
        if not self._opened_store() or not self._session or not self._log or self._told_busy():
            return
        with self._telling():
            if not self._log.messages():
                if self._interrupted:
                    await self._open_chat(self._interrupted.id)
                else:
                    text = _("Nothing is asked yet, so there is nothing to answer again.")
                    self.notify(text, markup=False)
                return
            self._run(self._session.again(), "")

    def _run(self, events: Generator[ChatEvent, None, None], draft: str) -> None:
        if self._session is None:
            return
        self._busy, self._answer, self._replaces = True, None, not draft
        self._interrupted = None
        self._engine_error = None
        self.query_one(StatusLine).doing(_("thinking…"))
        check = draft if self._ready else ""
        self._answering = work.Answering(self._session, events, draft, check=check)
        self._thread = self._start(partial(self._answering.run, self.post_message))

    # Reading ahead

    def _use(self, log: Conversation) -> None:
        super()._use(log)
        if self._ready and not self._busy and self._history_error is None:
            self.query_one(StatusLine).doing(_("ready"))  # what was refused before is no error here
        self._read_ahead()

    @on(Prompt.Paused)
    def _read_question(self) -> None:
        self._read_ahead(paused=True)

    @on(Prompt.WordWritten)
    def _read_words(self) -> None:
        self._read_ahead()

    def _read_ahead(self, *, paused: bool = False) -> None:
        """Let the model read what is written so far; at most one thread does so, for no key waits."""
        idle = self._reading is None or self._reading.is_finished
        if self._ready and idle and self._session and not self._busy and not self._leaving:
            draft = self.query_one(Prompt).text
            self._reading = self._start(
                partial(work.read_ahead, self._session, draft, paused, self.post_message)
            )

    @on(work.LengthChecked)
    def _show_length(self, message: work.LengthChecked) -> None:
        """Below the prompt, before Enter: this has no room."""
        self._too_long = (message.draft, message.error) if message.error else None
        self._show_notice()

    @on(Prompt.Changed)
    def _forget_length(self) -> None:
        if self._too_long and self.query_one(Prompt).text != self._too_long[0]:
            self._too_long = None
            self._show_notice()

    def _told_too_long(self, draft: str) -> bool:
        if not self._too_long or self._too_long[0] != draft:
            return False
        self.notify(" ".join(in_plain_words(self._too_long[1])), severity="error", markup=False)
        return True

    def _show_notice(self) -> None:
        """The line below the prompt."""
        raise NotImplementedError

    # What the answer's thread tells

    @on(work.Told)
    async def _show_event(self, message: work.Told) -> None:
        status, transcript = self.query_one(StatusLine), self.query_one(Transcript)
        match message.event:
            case QuestionStored():
                self._fill_list()
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
                await transcript.add_line(" ".join(in_plain_words(error)), "failure")
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
        error = message.error
        self._ready = self._ready and isinstance(error, QuestionError)
        if self._answer is not None:
            await self._answer.finish(note_of(AnswerState.FAILED))
        if message.draft:
            await self._keep_draft(message.draft, error)
        told, self._engine_error = self._engine_error, error
        if error is not told:
            await self._tell(error)
        if isinstance(error, EngineDied) and message.draft:
            self._load()

    async def _tell(self, error: SoroError) -> None:
        words = "\n".join(in_plain_words(error))
        await self.query_one(Transcript).add_line(words, "failure")
        self.query_one(StatusLine).doing(_("error"))

    async def _keep_draft(self, question: str, error: SoroError) -> None:
        """A question that is not kept, or must be changed, goes back to the prompt."""
        kept = self._is_stored(question)
        if not kept or isinstance(error, QuestionError):
            await self.query_one(Transcript).remove_last_question()
        prompt = self.query_one(Prompt)
        if not prompt.text and (not kept or isinstance(error, QuestionError)):
            prompt.write(question)

    def _questions(self) -> list[str]:
        """The questions of the open chat, as far as they can be read."""
        try:
            messages = self._log.messages() if self._log else []
        except SoroError:
            return []
        return [message.text for message in messages if message.role is Role.USER]

    def _is_stored(self, question: str) -> bool:
        return clean(question) in self._questions()[-1:]

    @on(work.Ended)
    def _end(self) -> None:
        self._busy, self._answer, self._answering = False, None, None
        if not self._leaving:
            self._fill_list()
            self._read_ahead()
