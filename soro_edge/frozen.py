"""The bundle's program: `soro`, and `soro -m MODULE` for its own child processes.

A bundle has no Python beside it: `sys.executable -m soro_edge.engine.worker`, which starts the engine
from a checkout, comes back to this program. It does what Python would do, for the modules named here.
"""

import sys

from soro_edge import start

CHILDREN = (
    "soro_edge.engine.worker",
    "soro_edge.bench.bare",
    "soro_edge.commands.paint",
    "soro_edge.chat.template_process",
)
"""Modules with a `main` that the program starts as processes of their own."""


def main() -> None:
    """A child's `main`, or the command `soro`. Nothing of the one is imported for the other."""
    module = "soro_edge.cli"
    if sys.argv[1:2] == ["-m"] and sys.argv[2:3] and sys.argv[2] in CHILDREN:
        module = sys.argv[2]
        del sys.argv[1:3]
    start.main(module)
