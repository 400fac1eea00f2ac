"""The output: a GGUF and the texts beside it, which appear whole or not at all.

Written beside the target under a temporary name, tensor by tensor as the bytes come; renamed when it was
verified. Knows files and the GGUF package, not what the tensors mean.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import gguf
import numpy as np
import psutil
from numpy.typing import NDArray

from convert.errors import BadTarget
from convert.native.gguf_writer import Writer
from convert.quantize.bit_allocation import Plan, size_bytes

_HEAD_BYTES = 1 << 20
"""Metadata and tensor names without the vocabulary, rounded up."""
_PIECE_BYTES = 40
"""Of the vocabulary, for each row: text, score and kind."""


class OutputFile:
    """A context manager: leaving it before `publish` removes what was written."""

    def __init__(self, path: Path, *, force: bool, beside: Sequence[Path] = ()) -> None:
        """`beside` are the files that `publish` will write too. Raises BadTarget where one of all these
        exists, or the folder does not."""
        for target in (path, *beside):
            if target.exists() and not force:
                raise BadTarget(
                    "{path} exists already.", "Name another file, or add `--force`.", path=target
                )
        if path.is_dir() or not path.parent.is_dir():
            raise BadTarget(
                "{path} cannot be written: it is a folder."
                if path.is_dir()
                else "{path} cannot be written: there is no such folder.",
                "Name a file in a folder that exists.",
                path=path,
            )
        self.path = path
        self.partial = _partial_of(path)
        _remove_abandoned(path)
        self._writer: gguf.GGUFWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._writer:
            self._writer.close()
        self.partial.unlink(missing_ok=True)

    def require_room(self, plan: Plan, rows: int) -> int:
        """The size to come, in bytes. Raises BadTarget where the disk has less than that free."""
        need = size_bytes(plan) + _HEAD_BYTES + rows * _PIECE_BYTES
        free = shutil.disk_usage(self.path.parent).free
        if need > free:
            raise BadTarget(
                "The disk of {path} is too small: {need} MB are needed, {free} MB are free.",
                "Make room, or name an output on another disk.",
                path=self.path,
                need=f"{need / 1e6:,.0f}",
                free=f"{free / 1e6:,.0f}",
            )
        return need

    def write(
        self,
        architecture: str,
        plan: Plan,
        add_metadata: Callable[[gguf.GGUFWriter], None],
        tensors: Iterable[tuple[str, Iterable[NDArray[np.uint8]]]],
    ) -> None:
        """Metadata, then the bytes of `tensors` by GGUF name, in the plan's order. Raises BadTarget."""
        with _told(self.path):
            writer = self._writer = Writer(self.partial, architecture)
            add_metadata(writer)
            for tensor in plan:
                # Of quantized types the writer wants the shape in bytes.
                block, size = gguf.GGML_QUANT_SIZES[tensor.type]
                in_bytes = (*tensor.shape[:-1], tensor.shape[-1] // block * size)
                writer.add_tensor_info(
                    tensor.gguf_name, in_bytes, np.dtype(np.uint8), tensor.size_bytes, tensor.type
                )
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            assert writer.fout is not None
            file = writer.fout[0]
            writer.write_padding(file, file.tell())
            for tensor, (name, chunks) in zip(plan, tensors, strict=True):
                assert name == tensor.gguf_name
                written = 0
                for chunk in chunks:
                    file.write(np.ascontiguousarray(chunk).data)
                    written += chunk.nbytes
                assert written == tensor.size_bytes, name
                writer.write_padding(file, written)
            writer.close()

    def sync(self) -> None:
        """What was written lies on the disk. Raises BadTarget."""
        with _told(self.path), self.partial.open("rb+") as file:
            os.fsync(file.fileno())

    def publish(self, beside: Mapping[Path, str]) -> None:
        """The file is good: give it and the texts `beside` it their names. Raises BadTarget."""
        partials = {path: _partial_of(path) for path in beside}
        try:
            with _told(self.path):
                for path, text in beside.items():
                    partials[path].write_text(text, encoding="utf-8")
                self.partial.replace(self.path)
                for path, partial in partials.items():
                    partial.replace(path)
        finally:
            for partial in partials.values():
                partial.unlink(missing_ok=True)


def _partial_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _remove_abandoned(path: Path) -> None:
    """What a conversion left that was killed: its process is gone."""
    for partial in path.parent.glob(f".{path.name}.*.part"):
        number = partial.name.split(".")[-2]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            partial.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the disk refuses. Raises BadTarget."""
    try:
        yield
    except OSError as error:
        raise BadTarget(
            "{path} could not be written: {reason}.",
            "Make room on its disk, or name an output on another one.",
            path=path,
            reason=error.strerror or error,
        ) from error
