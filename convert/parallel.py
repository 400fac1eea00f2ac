"""Work on all cores: one Python thread for each, and BLAS with a single thread in every one of them.

OpenBLAS's own threads wait for each other by spinning, which on a computer that does anything else makes
them several times slower than one thread. numpy gives the cores free while it computes.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Protocol, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")

CORES = os.cpu_count() or 1

_TELL_SECONDS = 0.2

_stopping = threading.Event()


class Stopped(Exception):
    """Raised in a thread whose result nobody waits for any more; never seen outside."""


def stop_if_asked() -> None:
    """For tasks that take seconds: ends them when another has failed, or the maker has pressed Ctrl-C."""
    if _stopping.is_set():
        raise Stopped


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """None of them outlives the block; left by an error, they stop where they can."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except BaseException:
        _stopping.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        _stopping.clear()


@contextmanager
def _workers(count: int) -> Iterator[ThreadPoolExecutor]:
    with threadpool_limits(1, "blas"), _threads(count) as pool:
        yield pool


class Submit(Protocol):
    """Lets a task run beside what the caller does, after those submitted before."""

    def __call__(self, task: Callable[[], Result], /) -> Future[Result]: ...


@contextmanager
def beside() -> Iterator[Submit]:
    """For as long as the block."""
    with _threads(1) as pool:
        yield pool.submit


def wait_for(futures: Iterable[Future[Result]], tell: Callable[[], None]) -> list[Result]:
    """The results of tasks that run beside; `tell` is called now and then while they do."""
    waiting = list(futures)
    while wait(waiting, _TELL_SECONDS).not_done:
        tell()
    tell()
    return [future.result() for future in waiting]


def in_parallel(task: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`task` of each item, in the order of the items. The first error is raised."""
    with _workers(CORES) as pool:
        return list(pool.map(task, items))


def side_by_side(first: Callable[[], Result], second: Callable[[], Other]) -> tuple[Result, Other]:
    """The results of two tasks that run at the same time."""
    with _workers(2) as pool:
        ours, theirs = pool.submit(first), pool.submit(second)
        return ours.result(), theirs.result()


def in_order(task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """As `in_parallel`, one result after the other, with no more than a few computed ahead."""
    ahead: deque[Future[Result]] = deque()
    with _workers(CORES) as pool:
        for item in items:
            ahead.append(pool.submit(task, item))
            if len(ahead) > CORES:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def slices(length: int, size: int) -> Iterator[slice]:
    """[0, length) in pieces of `size`."""
    for begin in range(0, length, size):
        yield slice(begin, min(begin + size, length))
