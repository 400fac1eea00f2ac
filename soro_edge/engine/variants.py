"""llama.cpp's CPU code in several files, one for each kind of processor: which serves here, and loading it.

A bundle has such files, a build for this machine alone has none. ggml would choose as well, but would
not say what it chose; the choice here is ggml's own, by the score that each file gives itself.
"""

import ctypes
import sys
from pathlib import Path

_PREFIX, _SUFFIX = ("ggml-cpu-", ".dll") if sys.platform == "win32" else ("libggml-cpu-", ".so")
_LIBRARIES = ("ggml.dll", "libggml.dll", "libggml.so")
"""What keeps the list of backends: MSVC's name, MinGW's, Linux's."""


def load_best_variant(folder: Path) -> str:
    """Load the file that suits this processor best; its name, as `haswell`. "" if there are none."""
    files = sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    scores = {file: score(file) for file in files}
    best = max(files, key=lambda file: scores[file], default=None)
    if best is None or not scores[best]:
        return ""
    # As ggml_backend_load does it, which on Windows takes the path for the system's own code page.
    begin = ctypes.CDLL(str(best)).ggml_backend_init
    begin.restype = ctypes.c_void_p
    names = [folder / name for name in _LIBRARIES]
    ggml = ctypes.CDLL(next(str(name) for name in names if name.exists()))
    ggml.ggml_backend_register(ctypes.c_void_p(begin()))
    return best.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def score(file: Path) -> int:
    """What ggml thinks of a file on this processor: 0 it cannot run, more is better."""
    try:
        library = ctypes.CDLL(str(file))
    except OSError:
        return 0
    return int(library.ggml_backend_score())
