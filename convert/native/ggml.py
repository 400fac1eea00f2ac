"""ggml's own reading of a GGUF file: what tensors its head names, and what their blocks are worth.

Written by Python, read by the C code that will run it: so a check is worth more, and costs less. Knows no
model and no checkpoint.
"""

import ctypes
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
from llama_cpp._ctypes_extensions import load_shared_library
from numpy.typing import NDArray

from convert.errors import VerificationFailed
from convert.weights import Matrix

Type = gguf.GGMLQuantizationType
_AGAIN = "Convert again; if it happens again, report it with this line."

_lib: Any = load_shared_library("ggml-base", Path(llama_cpp.__path__[0]) / "lib")
_ROW_FUNCTIONS = {
    Type.Q4_0: "dequantize_row_q4_0",
    Type.IQ4_NL: "dequantize_row_iq4_nl",
    Type.Q5_0: "dequantize_row_q5_0",
    Type.Q8_0: "dequantize_row_q8_0",
    Type.BF16: "ggml_bf16_to_fp32_row",
    Type.F16: "ggml_fp16_to_fp32_row",
}


def decoded(data: NDArray[np.uint8], kind: Type) -> Matrix:
    """[rows, bytes] of a GGUF tensor as float32, as llama.cpp computes them."""
    data = np.ascontiguousarray(data)
    if kind is Type.F32:
        return np.asarray(data.view(np.float32))
    block, size = gguf.GGML_QUANT_SIZES[kind]
    values = np.empty((len(data), data.shape[1] // size * block), dtype=np.float32)
    function = getattr(_lib, _ROW_FUNCTIONS[kind])
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    function.restype = None
    function(data.ctypes.data, values.ctypes.data, values.size)
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufTensor:
    """One tensor of a file."""

    type: Type
    rows: int
    columns: int
    begin: int
    """Its first byte in the file."""
    size_bytes: int


class _InitParams(ctypes.Structure):
    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p))


def gguf_tensors(path: Path) -> dict[str, GgufTensor]:
    """By name, each wholly inside the file. Raises VerificationFailed."""
    handle = _call("gguf_init_from_file", ctypes.c_void_p, str(path).encode(), _InitParams(True))
    if not handle:
        raise VerificationFailed(f"ggml cannot read the head of {path.name}.", _AGAIN)
    context = ctypes.c_void_p(handle)
    try:
        data = _call("gguf_get_data_offset", ctypes.c_size_t, context)
        tensors = {}
        for number in range(_call("gguf_get_n_tensors", ctypes.c_int64, context)):
            at = (context, ctypes.c_int64(number))
            name = _call("gguf_get_tensor_name", ctypes.c_char_p, *at).decode("utf-8", "replace")
            lengths = _call("gguf_get_tensor_ne", ctypes.POINTER(ctypes.c_int64), *at)[:4]
            tensors[name] = GgufTensor(
                type=Type(_call("gguf_get_tensor_type", ctypes.c_int, *at)),
                rows=math.prod(lengths[1:]),
                columns=lengths[0],
                begin=data + _call("gguf_get_tensor_offset", ctypes.c_size_t, *at),
                size_bytes=_call("gguf_get_tensor_size", ctypes.c_size_t, *at),
            )
    finally:
        _call("gguf_free", None, context)
    _require_whole(path, tensors)
    return tensors


def _call(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_lib, name)
    function.restype = result
    return function(*arguments)


def _require_whole(path: Path, tensors: dict[str, GgufTensor]) -> None:
    size = path.stat().st_size
    for name, tensor in tensors.items():
        if tensor.begin + tensor.size_bytes > size:
            raise VerificationFailed(f"{path.name} is cut off in {name}.", _AGAIN)
