"""The threads that compute: kept from step to step, asleep while nothing is to be computed.

Left to itself, ggml starts new threads for every token and lets them end: 3 per cent of a large model's
time and 10 of a small one's. Knows counts of threads, no model and no reason for a count.
"""

import ctypes

from soro_edge.engine.native import lib, library

SPIN = 1
"""How long a thread that waits for the next token keeps its core before it sleeps, in ggml's measure: some
milliseconds. ggml's own 50 is a quarter of a second, taken from the screen's process."""
_GGML_SPIN = 50
_MOST_CORES = 512


class _PoolParameters(ctypes.Structure):
    """`ggml_threadpool_params`."""

    _fields_ = (
        ("cores", ctypes.c_bool * _MOST_CORES),
        ("threads", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("spin", ctypes.c_uint32),
        ("strict", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    )


class ThreadPools:
    """For each count of threads that a context was told to use, a pool of so many.

    `close` after the context is freed. Where the library has no pools, or lays their parameters out in
    another way than this was written for, none is made, and ggml starts threads itself.
    """

    def __init__(self) -> None:
        self._pools: dict[int, int | None] = {}
        base, ggml = library("ggml-base"), library("ggml")
        self._fill = base.ggml_threadpool_params_init
        self._fill.argtypes, self._fill.restype = [ctypes.c_void_p, ctypes.c_int], None
        # Its CPU code may lie in a file of another name, so ggml is asked where it is.
        by_name, address = ggml.ggml_backend_reg_by_name, base.ggml_backend_reg_get_proc_address
        by_name.argtypes, by_name.restype = [ctypes.c_char_p], ctypes.c_void_p
        address.argtypes, address.restype = [ctypes.c_void_p, ctypes.c_char_p], ctypes.c_void_p
        cpu = by_name(b"CPU")
        new, free = (
            cpu and address(cpu, name) for name in (b"ggml_threadpool_new", b"ggml_threadpool_free")
        )
        self._known = bool(new and free)
        self._new = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(new or 0)
        self._free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(free or 0)
        self._attach = library("llama").llama_attach_threadpool
        self._attach.argtypes, self._attach.restype = [ctypes.c_void_p] * 3, None

    def use(self, context: int, *, writing: int, reading: int) -> None:
        """So many threads for the context's next steps: of one token, and of a batch."""
        lib.llama_set_n_threads(context, writing, reading)
        self._attach(context, self._pool(writing), self._pool(reading))

    def close(self) -> None:
        """May be called twice."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            if pool is not None:
                self._free(pool)

    def _pool(self, threads: int) -> int | None:
        if threads not in self._pools:
            self._pools[threads] = self._new_pool(threads)
        return self._pools[threads]

    def _new_pool(self, threads: int) -> int | None:
        if not self._known:
            return None
        # Twice the room: were the library's structure larger, it must not write beyond ours.
        room = ctypes.create_string_buffer(2 * ctypes.sizeof(_PoolParameters))
        wanted = _PoolParameters.from_buffer(room)
        self._fill(ctypes.byref(wanted), threads)
        if (wanted.threads, wanted.spin) != (threads, _GGML_SPIN):
            return None
        wanted.spin = SPIN
        pool: int | None = self._new(ctypes.byref(wanted))
        return pool
