"""llama.cpp's C API as a module, and its log. The only importer of llama_cpp here.

Where its CPU code lies in several files, one for each kind of processor, the best is loaded here.
Knows no model: what is called on the API is for its callers.
"""

import ctypes
import functools
import importlib
import importlib.util
import os
import platform
import sys
import types
from collections import deque
from pathlib import Path

from soro_edge.engine.variants import load_best_variant


def load_bindings() -> types.ModuleType:
    """llama_cpp.llama_cpp without its package's __init__, which imports numpy and a chat library:
    0.4 seconds and 40 MB that the C API does not need."""
    if "llama_cpp.llama_cpp" in sys.modules:
        return sys.modules["llama_cpp.llama_cpp"]
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("llama_cpp is not installed")
    if "llama_cpp" not in sys.modules:
        package = types.ModuleType("llama_cpp")
        package.__spec__ = spec
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["llama_cpp"] = package
    return importlib.import_module("llama_cpp.llama_cpp")


lib = load_bindings()


def _library_folder() -> Path:
    """Where the bindings look too."""
    beside = Path(lib.__file__ or "").parent / "lib"
    return Path(os.environ.get("LLAMA_CPP_LIB_PATH") or beside)


VARIANT = load_best_variant(_library_folder())
"""Which of the files for several processors serves here; empty where there is but one, made here."""


def converts_f16_in_hardware() -> bool:
    """Whether the CPU backend that was loaded has instructions for F16, by its own list of features.

    On x86 that is F16C. Without it every element of an F16 KV cache is converted by a table or by
    arithmetic, each time it is read. Other processors that llama.cpp runs on have such instructions.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686", "x86"):
        return True
    features = lib.llama_print_system_info().decode("utf-8", "replace")
    return "F16C = 1" in features


@functools.cache
def library(name: str) -> ctypes.CDLL:
    """One of llama.cpp's libraries, as `ggml`, for calls that the bindings leave out. Asked for once: on
    Windows each time makes PATH longer."""
    loader = importlib.import_module("llama_cpp._ctypes_extensions")
    found: ctypes.CDLL = loader.load_shared_library(name, _library_folder())
    return found


def library_build() -> str:
    """What a saved state is bound to: another library may lay its memory out differently."""
    from importlib.metadata import version

    facts = lib.llama_print_system_info()
    return f"{version('llama-cpp-python')} {facts.decode('utf-8', 'replace')}"


_log_lines: deque[str] = deque(maxlen=200)
_echo = True
_DEBUG = 1


def _keep_log(level: int, text: bytes, _user_data: object) -> None:
    """llama.cpp's log: to stderr, which the parent sends to a file, and the latest lines for us."""
    if level == _DEBUG:
        return
    line = text.decode("utf-8", "replace")
    _log_lines.append(line)
    if _echo:
        sys.stderr.write(line)


_LOG_CALLBACK = lib.llama_log_callback(_keep_log)
"""Lives as long as the module, because llama.cpp keeps the pointer."""


def begin_log(*, echo: bool = True) -> None:
    """Forget earlier lines and listen; `echo` repeats what is heard on stderr."""
    global _echo
    _echo = echo
    _log_lines.clear()
    lib.llama_log_set(_LOG_CALLBACK, None)


def log_text() -> str:
    """The latest lines."""
    return "".join(_log_lines)


class AbortFlag:
    """Tells llama.cpp, in the middle of a batch, to leave off. Set from any thread.

    The callback is C's own `strlen` on a buffer of ours: 0 means go on, 1 means stop. llama.cpp asks
    it for every node of the graph, hundreds of times a token, where a call into Python would cost.
    """

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(2)
        self._stop = False
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        self._callback = ctypes.cast(library.strlen, lib.ggml_abort_callback)

    def attach(self, context: int) -> None:
        """Let the context ask this flag."""
        lib.llama_set_abort_callback(context, self._callback, ctypes.addressof(self._buffer))

    def set(self) -> None:
        """Stop, for the present step and all later ones."""
        self._stop = True
        self.break_off()

    def clear(self) -> None:
        self._stop = False
        self.go_on()

    def is_set(self) -> bool:
        return self._stop

    def break_off(self) -> None:
        """Only the present step: `go_on` takes it back."""
        self._buffer[0] = b"\x01"

    def go_on(self) -> None:
        """A Stop stays."""
        self._buffer[0] = b"\x00"
        if self._stop:  # asked after the buffer is written: a Stop that comes meanwhile is not lost
            self._buffer[0] = b"\x01"
