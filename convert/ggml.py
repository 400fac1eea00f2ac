"""ggml's own rounding of rows, for matrices that are not calibrated: fast, native, weighted scales.

Knows rows and GGUF types. ggml weighs each weight's error by its size (quantize_row_q4_0_impl), which a
list of equal importances calls for.
"""

import ctypes
from typing import Any

import gguf
import numpy as np
from llama_cpp import llama_cpp as _bindings
from numpy.typing import NDArray

from convert.weights import Matrix

_lib: Any = _bindings._lib
_lib.ggml_quantize_chunk.restype = ctypes.c_size_t
_lib.ggml_quantize_chunk.argtypes = [
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    *(ctypes.c_int64,) * 3,
    ctypes.c_void_p,
]


def rounded_rows(rows: Matrix, kind: gguf.GGMLQuantizationType) -> NDArray[np.uint8]:
    """[rows, bytes of a row] of `kind`; `rows` is [rows, columns], columns a multiple of the block."""
    count, columns = rows.shape
    block, size = gguf.GGML_QUANT_SIZES[kind]
    if columns % block:
        raise ValueError(f"{columns} columns are no multiple of {block}")
    source = np.ascontiguousarray(rows)
    result = np.empty((count, columns // block * size), dtype=np.uint8)
    alike = np.ones(columns, dtype=np.float32)
    written = _lib.ggml_quantize_chunk(
        int(kind), source.ctypes.data, result.ctypes.data, 0, count, columns, alike.ctypes.data
    )
    if written != result.size:
        raise ValueError(f"ggml wrote {written} bytes of {result.size}")
    return result
