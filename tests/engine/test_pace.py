"""The law of threads: all of them while they have cores, fewer at once when they have not, and back again."""

import pytest

from soro_edge.engine.pace import FIRST_REST_SECONDS, LAST_REST_SECONDS, Pace

STEP_SECONDS = 0.05


def steps(pace: Pace, seconds: float, free_cores: float) -> list[int]:
    """The threads of each step while so many cores are free."""
    used = []
    for _ in range(round(seconds / STEP_SECONDS)):
        used.append(pace.threads)
        cores = min(pace.threads, free_cores)
        pace.took(wall_seconds=STEP_SECONDS, processor_seconds=cores * STEP_SECONDS)
    return used


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 7])
def test_a_quiet_machine_gives_all_threads_always(threads: int) -> None:
    assert set(steps(Pace(threads), 60, free_cores=threads)) == {threads}


def test_a_lost_core_costs_a_thread_within_a_moment() -> None:
    pace = Pace(2)
    assert steps(pace, 0.2, free_cores=1.2) == [2] * 4
    assert pace.threads == 1


def test_one_thread_always_stays() -> None:
    pace = Pace(4)
    steps(pace, 30, free_cores=0.1)
    assert pace.threads >= 1


def test_when_the_core_is_free_again_the_thread_comes_back() -> None:
    pace = Pace(2)
    steps(pace, 5, free_cores=1)
    steps(pace, LAST_REST_SECONDS, free_cores=2)
    assert pace.threads == 2
    assert set(steps(pace, 10, free_cores=2)) == {2}


def test_tries_in_vain_become_rare() -> None:
    pace = Pace(2)
    used = steps(pace, 300, free_cores=1)
    dear = used.count(2) / len(used)
    assert dear < 0.03
    assert steps(Pace(2), 4 * FIRST_REST_SECONDS, free_cores=1).count(2) > 4, "it is tried at all"


def test_a_core_that_is_mostly_there_keeps_its_thread() -> None:
    """Two threads with 1.6 cores get on as often as 1.2 threads would; with 1.4 as 0.8 would."""
    assert set(steps(Pace(2), 10, free_cores=1.6)) == {2}
    pace = Pace(2)
    steps(pace, 0.2, free_cores=1.4)
    assert pace.threads == 1


@pytest.mark.parametrize("threads", [2, 3, 4, 8])
def test_the_part_of_a_step_that_one_thread_does_alone_costs_no_thread(threads: int) -> None:
    """Five parts in a hundred of each step."""
    free = 0.05 + 0.95 * threads
    assert set(steps(Pace(threads), 60, free_cores=free)) == {threads}


@pytest.mark.parametrize("threads", [2, 3, 4, 8])
def test_one_core_shared_with_another_program_costs_its_thread(threads: int) -> None:
    pace = Pace(threads)
    steps(pace, 1, free_cores=threads - 0.51)
    assert pace.threads == threads - 1
