"""Work on all cores: results in order, and an error or Ctrl-C ends what nobody waits for."""

import threading

import pytest

from convert import parallel
from convert.parallel import Stopped, beside, in_order, in_parallel, stop_if_asked


class Long:
    """A task that goes on until it is stopped, or for some seconds."""

    def __init__(self) -> None:
        self.begun, self.stopped = threading.Event(), threading.Event()

    def run(self) -> None:
        self.begun.set()
        try:
            for _ in range(5000):
                stop_if_asked()
                self.stopped.wait(0.001)
        except Stopped:
            self.stopped.set()
            raise


def test_a_failure_ends_the_other_tasks_and_is_the_one_that_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel, "CORES", 2)
    long = Long()

    def task(fails: bool) -> None:
        if not fails:
            long.run()
        assert long.begun.wait(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_parallel(task, [True, False])
    assert long.stopped.is_set()


def test_what_runs_beside_a_block_ends_with_its_error() -> None:
    long = Long()
    with pytest.raises(KeyboardInterrupt), beside() as submit:
        submit(long.run)
        assert long.begun.wait(5)
        raise KeyboardInterrupt
    assert long.stopped.is_set()


def test_after_a_failure_work_goes_on() -> None:
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda number: 1 // number, [0, 1])
    stop_if_asked()
    assert list(in_order(lambda number: number + 1, range(9))) == list(range(1, 10))
