"""Hashing beside copying: a ring of blocks that one thread fills and a second one hashes.

All blocks together stay in a processor's cache, and handing one over costs some microseconds, so that
the copying waits for the hash only where the hash is what takes longest. Knows no file.
"""

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

BLOCK_BYTES = 1 << 16
_BLOCKS = 16


class HashingThread:
    """One ring and its thread."""

    def __init__(self) -> None:
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._full: SimpleQueue[tuple[Digest, memoryview, int] | threading.Event | None] = (
            SimpleQueue()
        )
        self._block: memoryview | None = None
        for _ in range(_BLOCKS):
            self._free.put(memoryview(bytearray(BLOCK_BYTES)))
        self._thread = threading.Thread(target=self._hash, name="hashing", daemon=True)
        self._thread.start()

    def block(self) -> memoryview:
        """One to fill; the same again until it is handed over."""
        if self._block is None:
            self._block = self._free.get()
        return self._block

    def update(self, digest: "Digest", count: int) -> None:
        """Hand the block over: its first `count` bytes go into the digest. It may still be read."""
        self._full.put((digest, self.block(), count))
        self._block = None

    def wait(self) -> None:
        """Return when all that was handed over is hashed."""
        done = threading.Event()
        self._full.put(done)
        done.wait()

    def close(self) -> None:
        self._full.put(None)
        self._thread.join()

    def _hash(self) -> None:
        while (given := self._full.get()) is not None:
            if isinstance(given, threading.Event):
                given.set()
                continue
            digest, block, count = given
            digest.update(block[:count])
            self._free.put(block)
