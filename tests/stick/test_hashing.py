"""A block that is still hashed is given to nobody, and nobody waits for a thread that has ended."""

import hashlib
import threading
from collections.abc import Iterator

import pytest

from soro_edge.stick.hashing import HashingThread


class SlowDigest:
    """Remembers what it saw, and sees nothing before it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.seen: list[bytes] = []

    def update(self, block: memoryview) -> None:
        self.may.wait()
        self.seen.append(bytes(block))


@pytest.fixture
def hashing() -> Iterator[HashingThread]:
    opened = HashingThread()
    yield opened
    opened.close()


def test_a_slow_hash_sees_what_was_handed_over(hashing: HashingThread) -> None:
    digest, given = SlowDigest(), []
    for number in range(64):
        if number == 12:
            # From here on it reads while the blocks are filled anew.
            digest.may.set()
        hashing.block()[:2] = given_now = number.to_bytes(2, "big")
        given.append(given_now)
        hashing.update(digest, 2)  # type: ignore[arg-type]
    hashing.wait()
    assert digest.seen == given


def test_a_block_that_was_not_handed_over_is_given_again(hashing: HashingThread) -> None:
    assert hashing.block() is hashing.block()
    first = hashing.block()
    hashing.update(hashlib.sha256(), 0)
    assert hashing.block() is not first


def test_the_digest_is_that_of_the_bytes_and_waiting_is_for_all(hashing: HashingThread) -> None:
    digest, content = hashlib.sha256(), b""
    for number in range(100):
        hashing.block()[: number + 1] = piece = bytes([number]) * (number + 1)
        hashing.update(digest, number + 1)
        content += piece
    hashing.wait()
    assert digest.digest() == hashlib.sha256(content).digest()


class NoMemory:
    def update(self, _block: memoryview) -> None:
        raise MemoryError


def test_a_fault_of_the_thread_is_raised_where_it_is_waited_for(hashing: HashingThread) -> None:
    hashing.update(NoMemory(), 1)  # type: ignore[arg-type]
    with pytest.raises(MemoryError):
        hashing.wait()
    with pytest.raises(MemoryError):
        while True:
            hashing.update(hashlib.sha256(), 1)
