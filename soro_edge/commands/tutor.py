"""`soro`: opens the tutor on the screen."""

import sys
from collections.abc import Callable

from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.errors import NoTerminal
from soro_edge.models import check_memory
from soro_edge.tui.app import TutorApp
from soro_edge.tui.services import TutorServices


def run_tutor(program: Program) -> None:
    """Paint at once; the model's file is checked and loaded behind the screen.

    Raises NoTerminal and FolderNotWritable before that, and at the end the trouble that was left: it is
    told once more below the screen.
    """
    if not all(stream and stream.isatty() for stream in (sys.__stdin__, sys.__stderr__)):
        raise NoTerminal
    program.check_history_writable()
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
        prepare=prepare,
    )
    try:
        trouble = TutorApp(services=services).run()
    finally:
        engine.close()
    if trouble:
        raise trouble
