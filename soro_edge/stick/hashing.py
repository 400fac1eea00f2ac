"""Hashing beside copying: a ring of blocks that one thread fills and a second one hashes.

All blocks together stay in a processor's cache, and handing one over costs some microseconds, so that
the copying waits for the hash only where the hash is what takes longest. Whatever ends the thread is
raised where it is waited for. Knows no file.
"""

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

BLOCK_BYTES = 1 << 16
_BLOCKS = 16
_LOOK_AGAIN_SECONDS = 0.1
"""So long is waited for the thread before it is asked whether it still lives."""


class HashingThread:
    """One ring and its thread."""

    def __init__(self) -> None:
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._full: SimpleQueue[tuple[Digest, memoryview, int] | threading.Event | None] = (
            SimpleQueue()
        )
        self._block: memoryview | None = None
        self._fault: BaseException | None = None
        for _ in range(_BLOCKS):
            self._free.put(memoryview(bytearray(BLOCK_BYTES)))
        self._thread = threading.Thread(target=self._run, name="hashing", daemon=True)
        self._thread.start()

    def block(self) -> memoryview:
        """One to fill; the same again until it is handed over."""
        while self._block is None:
            try:
                self._block = self._free.get(timeout=_LOOK_AGAIN_SECONDS)
            except Empty:
                self._check_alive()
        return self._block

    def update(self, digest: "Digest", count: int) -> None:
        """Hand the block over: its first `count` bytes go into the digest. It may still be read."""
        self._full.put((digest, self.block(), count))
        self._block = None

    def wait(self) -> None:
        """Return when all that was handed over is hashed."""
        done = threading.Event()
        self._full.put(done)
        while not done.wait(_LOOK_AGAIN_SECONDS):
            self._check_alive()

    def close(self) -> None:
        self._full.put(None)
        self._thread.join()

    def _check_alive(self) -> None:
        if not self._thread.is_alive():
            raise self._fault or RuntimeError("the hashing thread has ended")

    def _run(self) -> None:
        try:
            self._hash()
        except BaseException as fault:  # noqa: BLE001 raised by the thread that waits
            self._fault = fault

    def _hash(self) -> None:
        while (given := self._full.get()) is not None:
            if isinstance(given, threading.Event):
                given.set()
                continue
            digest, block, count = given
            digest.update(block[:count])
            self._free.put(block)
