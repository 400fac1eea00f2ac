"""Other programs that want a core each, as a virus scanner does, for as long as something is measured."""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    programs = [multiprocessing.Process(target=want_a_core, daemon=True) for _ in range(count)]
    for program in programs:
        program.start()
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.join()


def want_a_core() -> None:
    if hasattr(os, "setsid"):
        os.setsid()  # a program of its own in the eyes of the scheduler, not a part of this one
    parent = os.getppid()
    while os.getppid() == parent:
        pass
