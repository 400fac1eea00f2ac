"""`python compare_kernels.py libggml-cpu-VARIANT.so`: our products of quantized numbers for processors below
AVX2 (the patches in packaging) against ggml's own generic code in the same library, which is plain C. Ends
with an error at the first difference.

It needs nothing but Python, and so it runs on an emulated processor, where numpy takes minutes to start."""

import ctypes
import random
import struct
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

VALUES = 32
"""In a block, which has one scale in half precision before them."""
Q4_0_BYTES, Q8_0_BYTES = 18, 34
F32, Q4_0 = 0, 2
"""ggml's numbers of the types."""
WIDTHS = (32, 640, 1152, 2080)
"""One block, the hidden sizes of the 270M and the 1B, and more blocks than are prepared at a time."""


class _Parameters(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = [
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    ]


class Kernels:
    """One variant's library, with what ggml's base library knows."""

    def __init__(self, library: Path) -> None:
        self.cpu = ctypes.CDLL(str(library))
        self.base = ctypes.CDLL(str(library.with_name("libggml-base.so")))
        self.cpu.ggml_cpu_init()
        # With FMA the compiler joins a product and a sum, in our code and in the generic code as it likes.
        self.rounds_each_step = not self.cpu.ggml_cpu_has_fma()

    def dot(self, name: str, width: int, x: bytes, y: bytes) -> float:
        result = ctypes.c_float()
        none = ctypes.c_size_t(0)
        getattr(self.cpu, name)(width, ctypes.byref(result), none, x, none, y, none, 1)
        return result.value

    def product(
        self, name: str, width: int, weights: bytes, tokens: bytes, shape: tuple[int, int]
    ) -> list[float]:
        """By a kernel of the repacked layout: `shape` is tokens and rows."""
        count, rows = shape
        result = (ctypes.c_float * (count * rows))()
        getattr(self.cpu, name)(width, result, ctypes.c_size_t(rows), weights, tokens, count, rows)
        return list(result)

    def quantized(self, values: Sequence[float], name: str = "quantize_row_q8_0") -> bytes:
        library = self.base if name.endswith("_ref") else self.cpu
        result = ctypes.create_string_buffer(len(values) // VALUES * Q8_0_BYTES)
        given = (ctypes.c_float * len(values))(*values)
        # quantize_mat_* takes four rows and the width of one.
        width = len(values) // (4 if "_mat_" in name else 1)
        getattr(library, name)(given, result, ctypes.c_int64(width))
        return result.raw


def half(value: float) -> bytes:
    return struct.pack("<e", value)


def scale(chance: random.Random) -> bytes:
    """Mostly as in models; zero, negative, and too small for half precision's normal numbers too."""
    kinds = (0.0, -0.0, 5.9604644775390625e-08, 6.0975551605224609e-05, 65504.0, -0.01)
    return half(chance.choice(kinds) if chance.random() < 0.2 else chance.uniform(0.0005, 0.05))


def blocks(chance: random.Random, width: int, value_bytes: int, extremes: bytes) -> bytes:
    """One row: random, or of `extremes` alone."""
    only = extremes if chance.random() < 0.4 else bytes(range(256))
    return b"".join(
        scale(chance) + bytes(chance.choices(only, k=value_bytes)) for _ in range(width // VALUES)
    )


def interleaved(rows: Sequence[bytes], block_bytes: int, flip: int = 0) -> bytes:
    """Four rows as ggml repacks them: their scales, then four bytes of each in turn, xor `flip`."""
    made = []
    for start in range(0, len(rows[0]), block_bytes):
        own = [row[start : start + block_bytes] for row in rows]
        made += [block[:2] for block in own]
        parts = (block[at : at + 4] for at in range(2, block_bytes, 4) for block in own)
        made.append(bytes(byte ^ flip for byte in chain.from_iterable(parts)))
    return b"".join(made)


def check_q4_0(kernels: Kernels, chance: random.Random, width: int) -> None:
    """Each row and token alone, four and eight tokens: the bits of ggml's generic dot product."""
    rows = [blocks(chance, width, 16, b"\x00\x0f\xf0\xff\x88") for _ in range(12)]
    tokens = [blocks(chance, width, 32, b"\x80\x7f\x81\x00") for _ in range(8)]
    weights = b"".join(interleaved(rows[at : at + 4], Q4_0_BYTES, 0x88) for at in (0, 4, 8))
    batch = b"".join(interleaved(tokens[at : at + 4], Q8_0_BYTES) for at in (0, 4))
    wanted = [
        kernels.dot("ggml_vec_dot_q4_0_q8_0_generic", width, row, token)
        for token in tokens
        for row in rows
    ]
    alone = []
    for token in tokens:
        alone += kernels.product("ggml_gemv_q4_0_4x4_q8_0", width, weights, token, (1, 12))
    together = kernels.product("ggml_gemm_q4_0_4x4_q8_0", width, weights, batch, (8, 12))
    assert alone == together, "a token alone and in a batch differ"
    if kernels.rounds_each_step:
        assert alone == wanted, f"Q4_0 differs from the generic code at width {width}"
    else:
        compare(alone, wanted, 2e-4)


def check_q8_0(kernels: Kernels, chance: random.Random, width: int) -> None:
    """Within the rounding of sums in another order. Activations have no -128: they are scaled to 127."""
    for _ in range(5):
        row = blocks(chance, width, 32, b"\x80\x7f\x81\x00")
        token = blocks(chance, width, 32, b"\x7f\x81\x00").replace(b"\x80", b"\x81")
        own, generic = (
            kernels.dot(f"ggml_vec_dot_q8_0_q8_0{end}", width, row, token)
            for end in ("", "_generic")
        )
        size = sum(
            abs(d) * abs(e) * sum(abs(a * b) for a, b in zip(xs, ys, strict=True))
            for (d, *xs), (e, *ys) in zip(
                struct.iter_unpack("<e32b", row), struct.iter_unpack("<e32b", token), strict=True
            )
        )
        assert abs(own - generic) <= 1e-6 * size, (width, own, generic, size)


def check_activations(kernels: Kernels, chance: random.Random, width: int) -> None:
    """The scale's bits as ggml's reference, values too but for halves, which go to the even number."""
    rows = [[chance.gauss(0, 3) for _ in range(width)] for _ in range(2)]
    rows += [[0.0] * width, [chance.choice((127.0, 0.5, 1.5, -2.5, -0.0)) for _ in range(width)]]
    quantized = [kernels.quantized(row) for row in rows]
    for row, own in zip(rows, quantized, strict=True):
        theirs = kernels.quantized(row, "quantize_row_q8_0_ref")
        pairs = zip(
            struct.iter_unpack("<2s32b", own), struct.iter_unpack("<2s32b", theirs), strict=True
        )
        for number, ((own_scale, *own_values), (their_scale, *their_values)) in enumerate(pairs):
            assert own_scale == their_scale
            values = row[number * VALUES : (number + 1) * VALUES]
            largest = max(map(abs, values))
            for value, one, other in zip(values, own_values, their_values, strict=True):
                exact = value * 127 / largest if largest else 0.0
                assert one == other or abs(abs(exact - one) - 0.5) < 1e-4, (value, one, other)
    four = kernels.quantized([*chain.from_iterable(rows)], "ggml_quantize_mat_q8_0_4x4")
    assert four == interleaved(quantized, Q8_0_BYTES), "four rows and one differ"


def check_choice(kernels: Kernels, chance: random.Random) -> None:
    """ggml repacks and multiplies by itself: any number of tokens, and rows that are a multiple of four."""
    for rows, tokens in ((4, 1), (12, 3), (36, 4), (12, 7), (12, 9)):
        graph = _Graph(kernels, 640, rows, tokens)
        assert graph.is_repacked(), f"{rows} rows are not repacked"
        weights = [blocks(chance, 640, 16, b"\x00\xff") for _ in range(rows)]
        given = [[chance.gauss(0, 1) for _ in range(640)] for _ in range(tokens)]
        wanted = [
            kernels.dot("ggml_vec_dot_q4_0_q8_0_generic", 640, row, kernels.quantized(token))
            for token in given
            for row in weights
        ]
        compare(graph.run(weights, given), wanted, 0 if kernels.rounds_each_step else 2e-4)
    for rows in (1, 6, 10):
        assert not _Graph(kernels, 640, rows, 4).is_repacked(), f"{rows} rows are repacked"


class _Graph:
    """One product, weights in the buffer of repacked tensors. Its memory lasts as long as the process."""

    def __init__(self, kernels: Kernels, width: int, rows: int, tokens: int) -> None:
        self._base = base = kernels.base
        for name in (
            "ggml_init", "ggml_new_tensor_2d", "ggml_mul_mat", "ggml_new_graph",
            "ggml_backend_reg_dev_get", "ggml_backend_reg_get_proc_address",
            "ggml_backend_buft_alloc_buffer", "ggml_backend_buffer_get_base",
            "ggml_backend_dev_init", "ggml_backend_dev_buffer_type",
        ):  # fmt: skip
            getattr(base, name).restype = ctypes.c_void_p
        kernels.cpu.ggml_backend_init.restype = ctypes.c_void_p
        base.ggml_backend_dev_supports_op.restype = ctypes.c_bool
        registry = ctypes.c_void_p(kernels.cpu.ggml_backend_init())
        self._device = device = ctypes.c_void_p(
            base.ggml_backend_reg_dev_get(registry, ctypes.c_size_t(0))
        )
        extra = base.ggml_backend_reg_get_proc_address(
            registry, b"ggml_backend_dev_get_extra_bufts"
        )
        kinds = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)(extra)(device)
        parameters = _Parameters(mem_size=1 << 20, mem_buffer=None, no_alloc=True)
        self._context = context = ctypes.c_void_p(base.ggml_init(parameters))
        self._weights = self._tensor(Q4_0, width, rows)
        self._given = self._tensor(F32, width, tokens)
        self._product = ctypes.c_void_p(base.ggml_mul_mat(context, self._weights, self._given))
        self._size = rows * tokens
        # Repacked weights, then the others in plain memory.
        self._place(ctypes.c_void_p(kinds[0]), self._weights)
        plain = ctypes.c_void_p(base.ggml_backend_dev_buffer_type(device))
        self._place(plain, self._given)
        self._place(plain, self._product)

    def _tensor(self, kind: int, width: int, rows: int) -> ctypes.c_void_p:
        sizes = map(ctypes.c_int64, (width, rows))
        return ctypes.c_void_p(self._base.ggml_new_tensor_2d(self._context, kind, *sizes))

    def _place(self, kind: ctypes.c_void_p, tensor: ctypes.c_void_p) -> None:
        size = ctypes.c_size_t(1 << 20)
        buffer = ctypes.c_void_p(self._base.ggml_backend_buft_alloc_buffer(kind, size))
        start = ctypes.c_void_p(self._base.ggml_backend_buffer_get_base(buffer))
        self._base.ggml_backend_tensor_alloc(buffer, tensor, start)

    def is_repacked(self) -> bool:
        """As llama.cpp asks when it chooses a place for a tensor."""
        return bool(self._base.ggml_backend_dev_supports_op(self._device, self._product))

    def run(self, weights: Sequence[bytes], tokens: Sequence[Sequence[float]]) -> list[float]:
        data = b"".join(weights)
        given = struct.pack(f"<{len(tokens) * len(tokens[0])}f", *chain.from_iterable(tokens))
        for tensor, content in ((self._weights, data), (self._given, given)):
            length = ctypes.c_size_t(len(content))
            self._base.ggml_backend_tensor_set(tensor, content, ctypes.c_size_t(0), length)
        graph = ctypes.c_void_p(self._base.ggml_new_graph(self._context))
        self._base.ggml_build_forward_expand(graph, self._product)
        backend = ctypes.c_void_p(self._base.ggml_backend_dev_init(self._device, None))
        assert self._base.ggml_backend_graph_compute(backend, graph) == 0
        result = (ctypes.c_float * self._size)()
        length = ctypes.c_size_t(ctypes.sizeof(result))
        self._base.ggml_backend_tensor_get(self._product, result, ctypes.c_size_t(0), length)
        return list(result)


def compare(own: Sequence[float], wanted: Sequence[float], tolerance: float) -> None:
    largest = max(map(abs, wanted)) or 1.0
    for one, other in zip(own, wanted, strict=True):
        assert abs(one - other) <= tolerance * largest, (one, other)


def main() -> None:
    kernels = Kernels(Path(sys.argv[1]).resolve())
    chance = random.Random(14)
    for width in WIDTHS:
        check_q4_0(kernels, chance, width)
        check_q8_0(kernels, chance, width)
        check_activations(kernels, chance, width)
    check_choice(kernels, chance)
    print("equal")


if __name__ == "__main__":
    main()
