"""The search for block scales in C, three times as fast as in numpy and the same to the last bit.

blocks.c is built anew in each process, in a fifth of a second, for the processor that it runs on; llama.cpp
needed a compiler too. Where there is none, `compiled` gives None, and block_formats.py does it in numpy.
"""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.weights import Matrix

_SOURCE = Path(__file__).parent / "blocks.c"
_COMPILERS = ("cc", "gcc", "clang")
_OPTIONS = (
    *("-O3", "-march=native", "-shared", "-fPIC"),
    *("-fno-math-errno", "-fno-trapping-math"),  # rint and sqrt as single instructions
    "-ffp-contract=off",  # a fused product would round otherwise than numpy
)
_BLOCK = 32
_POINTER, _COUNT, _FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float


class CompiledSearch:
    """The functions of blocks.c on whole matrices; others run while they do."""

    def __init__(self, library: Path) -> None:
        loaded = ctypes.CDLL(str(library))
        self._best_scales, self._pack_q4_0 = loaded.best_scales, loaded.pack_q4_0
        self._best_scales.argtypes = (
            *(_POINTER, _POINTER, _POINTER, _COUNT, _COUNT, _POINTER, ctypes.c_int),
            *(_FLOAT, _FLOAT, _FLOAT, _FLOAT, _POINTER),
        )
        self._pack_q4_0.argtypes = (_POINTER, _POINTER, _POINTER, _COUNT, _POINTER)
        self._best_scales.restype = self._pack_q4_0.restype = None

    def best_scales(
        self,
        weights: Matrix,
        counts: Matrix,
        reach: Sequence[np.float32],
        *,
        ends: tuple[int, int],
        limits: tuple[float, float],
    ) -> Matrix:
        """[rows, columns / 32] of contiguous `weights`, not yet rounded. `counts` is what an error counts in
        each column, or [rows, 1]: the mean square of each row."""
        rows, columns = weights.shape
        scales = np.empty((rows, columns // _BLOCK), dtype=np.float32)
        tries = np.array(reach, dtype=np.float32)
        counts = np.ascontiguousarray(counts, dtype=np.float32)
        by_row = counts.shape == (rows, 1)
        given = (None, counts.ctypes.data) if by_row else (counts.ctypes.data, None)
        sizes = (scales.size, columns // _BLOCK, tries.ctypes.data, len(tries))
        self._best_scales(weights.ctypes.data, *given, *sizes, *ends, *limits, scales.ctypes.data)
        return scales

    def pack_q4_0(
        self, weights: Matrix, inverses: Matrix, scales: NDArray[np.float16]
    ) -> NDArray[np.uint8]:
        """Contiguous weights [rows, columns] as Q4_0 blocks."""
        packed = np.empty((len(weights), weights.shape[1] // _BLOCK * 18), dtype=np.uint8)
        given = (weights.ctypes.data, inverses.ctypes.data, scales.ctypes.data)
        self._pack_q4_0(*given, scales.size, packed.ctypes.data)
        return packed


COMPILER_SECONDS = 60.0
"""It takes one or two. A compiler that hangs, on a lost network disk say, must not hold the conversion."""


@functools.cache
def compiled() -> CompiledSearch | None:
    """None where it cannot be built."""
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="soro-", ignore_cleanup_errors=True) as folder:
            library = Path(folder) / "blocks.so"
            command = [compiler, *_OPTIONS, "-o", str(library), str(_SOURCE), "-lm"]
            subprocess.run(command, check=True, capture_output=True, timeout=COMPILER_SECONDS)
            return CompiledSearch(library)
    except (OSError, subprocess.SubprocessError, AttributeError):
        return None
