"""What runs first: Ctrl-C while the program is still being loaded ends it at once, with no traceback.

Knows nothing of the program but its name.
"""

import importlib
import signal


def main(module: str = "soro_edge.cli") -> None:
    """Load the module and run its `main`."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # and not ignored, as in a shell's background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    program = importlib.import_module(module)
    signal.signal(signal.SIGINT, usual)
    program.main()
