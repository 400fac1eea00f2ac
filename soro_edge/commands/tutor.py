"""`soro`: opens the tutor on the screen; where the window cannot show it, the same talk in lines."""

import sys
import time
from collections.abc import Callable, Sequence

import click

from soro_edge.commands.chat import run_chat
from soro_edge.commands.console import look_at_console
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.errors import NoTerminal
from soro_edge.learning.questions import examples
from soro_edge.locale import LANGUAGES
from soro_edge.models import check_memory
from soro_edge.settings import Settings

EXAMPLES_A_DAY = 6


def run_tutor(program: Program) -> int:
    """Paint at once; the model's file is checked and loaded behind the screen. The exit code.

    Raises NoTerminal and FolderNotWritable before that, and at the end the trouble that was left: it is
    told once more below the screen.
    """
    if not all(stream and stream.isatty() for stream in (sys.__stdin__, sys.__stderr__)):
        raise NoTerminal
    program.check_history_writable()
    console = look_at_console()
    if console.trouble:
        click.echo(console.trouble, err=True)
        return run_chat(program, AnswerOptions(), typed=console.typed)
    # Only here: Textual takes longer to load than the window to answer.
    from soro_edge.tui.app import TutorApp
    from soro_edge.tui.services import TutorServices

    manifest = program.manifest()
    engine = program.engine(manifest)

    def prepare(on_progress: Callable[[float], None]) -> None:
        path = program.models.check(manifest, on_progress)
        check_memory(manifest, path, program.context_tokens(manifest))

    services = TutorServices(
        engine=engine,
        open_history=program.history,
        options=program.chat_options(manifest, AnswerOptions()),
        model_title=manifest.title,
        model_bytes=manifest.size_bytes,
        dark=program.settings.theme == "dark",
        languages=manifest.languages,
        examples=example_questions(manifest.languages, program.settings),
        prepare=prepare,
    )
    try:
        trouble = TutorApp(services=services, typed=console.typed).run()
    finally:
        engine.close()
    if trouble:
        raise trouble
    return 0


def example_questions(languages: Sequence[str], settings: Settings) -> list[str]:
    """Questions for the first screen, in a language that the model knows: others every day."""
    wanted = (settings.language, *LANGUAGES)
    spoken = [code for code in dict.fromkeys(wanted) if code in languages or not languages]
    today = time.localtime().tm_yday
    return examples(spoken, school_class=settings.school_class, begin=today * EXAMPLES_A_DAY)
