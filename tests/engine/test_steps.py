"""The law of steps: one whose threads starve is done again with fewer, soon, and never for ever."""

import itertools
import threading
from dataclasses import dataclass, field

import pytest

from soro_edge.engine.pace import starved
from soro_edge.engine.steps import Steps
from soro_edge.engine.watch import LOOK_SECONDS, Clocks, Watch

STEP_SECONDS = 0.4
"""Of one thread with a core of its own."""
CRAWL = 0.03
"""Of a thread's work is done by several that wait for a core in turn."""


@dataclass(slots=True)
class Machine:
    """Cores of which some are taken, a clock, and the model that computes on them."""

    free_cores: float
    most: int = 2
    stop_after_seconds: float = float("inf")
    writing: int = 0
    reading: int = 0
    threads: int = 0
    """Of the step that is computed."""
    wall: float = 0.0
    processor: float = 0.0
    aborted: bool = False
    computed: list[int] = field(default_factory=list)
    """Threads of each attempt."""
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = Steps(
            self.use, self, writing_threads=self.most, reading_threads=self.most, read_clocks=self
        )
        self.use(self.most, self.most)

    def __call__(self) -> Clocks:
        return self.wall, self.processor

    def use(self, writing: int, reading: int) -> None:
        self.writing, self.reading = writing, reading

    def break_off(self) -> None:
        self.aborted = True

    def go_on(self) -> None:
        self.aborted = False

    def compute(self, tokens: int) -> bool:
        self.threads = self.writing if tokens == 1 else self.reading
        self.computed.append(self.threads)
        left = STEP_SECONDS
        while left > 0:
            cores = min(self.threads, self.free_cores)
            speed = self.threads if cores == self.threads else CRAWL * cores
            if self.threads == 1:
                speed = cores
            spent = min(LOOK_SECONDS / 2, left / speed)
            self.wall += spent
            self.processor += cores * spent
            left -= speed * spent
            self.steps.watch.look()
            if self.aborted or self.wall >= self.stop_after_seconds:
                return False
        return True

    def do(self, tokens: int = 64) -> float:
        """Seconds of one step that is done."""
        before = self.wall
        assert self.steps.do(lambda: self.compute(tokens), tokens=tokens)
        return self.wall - before


@pytest.mark.parametrize("free_cores", [1.0, 0.65, 0.3, 0.15])
@pytest.mark.parametrize("most", [2, 4])
def test_the_first_step_on_taken_cores_costs_little_more_than_one_thread(
    free_cores: float, most: int
) -> None:
    machine = Machine(free_cores, most=most)
    assert machine.do() < 1.5 * STEP_SECONDS / free_cores
    assert machine.computed == [most, 1]
    machine.do(tokens=1)
    assert machine.computed == [most, 1, 1], "the first word needs no lesson of its own"


@pytest.mark.parametrize("most", [1, 2, 3, 4, 8])
def test_on_free_cores_nothing_is_broken_off(most: int) -> None:
    machine = Machine(most, most=most)
    for tokens in (64, 64, 1, 1):
        machine.do(tokens)
    assert machine.computed == [most] * 4


@pytest.mark.parametrize("most", [2, 3, 4, 8])
def test_what_one_thread_does_alone_is_not_starvation(most: int) -> None:
    """Five parts in a hundred of each step."""
    machine = Machine(0.05 + 0.95 * most, most=most)
    machine.do()
    assert machine.computed == [most]


def test_a_moment_before_the_others_are_awake_is_not_starvation() -> None:
    """Eight milliseconds of the first forty."""
    assert not starved(8, wall_seconds=0.04, processor_seconds=0.008 + 8 * 0.032)


def test_one_lost_core_of_many_costs_one_thread() -> None:
    machine = Machine(7.0, most=8)
    machine.do()
    assert machine.computed == [8, 7]


@pytest.mark.parametrize("most", [2, 5, 16])
def test_a_step_is_begun_anew_at_most_once_for_each_thread(most: int) -> None:
    """Even were every attempt broken off, whatever its clocks say at its end."""
    machine = Machine(most, most=most)

    def compute() -> bool:
        machine.computed.append(machine.reading)
        machine.wall += 10
        machine.steps.watch.look()
        machine.processor += 10 * machine.reading
        return not machine.aborted

    assert machine.steps.do(compute, tokens=64)
    assert machine.computed == list(range(most, 0, -1))


def test_stop_is_obeyed_and_begins_nothing_anew() -> None:
    machine = Machine(2.0, stop_after_seconds=STEP_SECONDS / 4)
    assert not machine.steps.do(lambda: machine.compute(64), tokens=64)
    assert machine.computed == [2]


def test_tries_of_a_thread_more_are_cheap_while_the_cores_are_taken() -> None:
    machine = Machine(0.3)
    spent = sum(machine.do() for _ in range(50))
    assert machine.computed.count(2) > 3, "it is tried at all"
    assert spent < 1.1 * 50 * STEP_SECONDS / 0.3


def test_a_look_between_two_steps_breaks_nothing_off() -> None:
    machine = Machine(0.1)
    watch = machine.steps.watch
    watch.begin(2)
    watch.end()
    machine.wall += 10
    watch.look()
    assert not machine.aborted
    watch.begin(1)
    machine.wall += 10
    watch.look()
    assert not machine.aborted, "one thread has nothing to give"


def test_a_failing_step_leaves_no_order_to_break_off() -> None:
    machine = Machine(0.1)

    def fail() -> bool:
        machine.wall += 10
        machine.steps.watch.look()
        raise ValueError

    with pytest.raises(ValueError):
        machine.steps.do(fail, tokens=64)
    assert not machine.aborted


@pytest.mark.parametrize("most", [1, 2])
def test_several_threads_are_watched_until_the_end_and_one_is_not(most: int) -> None:
    before = threading.active_count()
    steps = Machine(2.0, most=most).steps
    steps.open()
    assert threading.active_count() == before + most - 1
    steps.close()
    steps.close()
    assert threading.active_count() == before


def test_the_watch_looks_by_itself() -> None:
    """A step on cores that give nothing ends only when it is broken off."""
    wall = itertools.count(step=LOOK_SECONDS)
    broken_off = threading.Event()
    watch = Watch(broken_off.set, lambda: (next(wall), 0.0))
    watch.open()
    watch.begin(2)
    assert broken_off.wait(30)
    assert watch.end()[1]
    watch.close()
