"""How long the tutor takes from the start of its process to the first frame. A child of `soro bench`.

It runs the real screen without a terminal, prints the seconds and leaves.
"""

import os
import sys
import time
from typing import Any

from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.paths import find_paths
from soro_edge.settings import read_settings
from soro_edge.tui.app import TutorApp
from soro_edge.tui.services import TutorServices


def main() -> None:
    paths = find_paths()
    program = Program(paths=paths, settings=read_settings(paths.settings_file))
    manifest = program.manifest()
    services = TutorServices(
        engine=program.engine(manifest),
        open_history=program.history,
        options=program.chat_options(manifest, AnswerOptions()),
        model_title=manifest.title,
        prepare=lambda on_progress: None,
    )

    async def told(_pilot: Any) -> None:
        import psutil

        # Past Textual's capture, whose flush does nothing: the next line would lose what is buffered.
        seconds = time.time() - psutil.Process().create_time()
        print(seconds, file=sys.__stdout__, flush=True)
        os._exit(0)  # nothing was written, and the model need not be loaded first

    TutorApp(services=services).run(headless=True, size=(80, 24), auto_pilot=told)


if __name__ == "__main__":
    main()
