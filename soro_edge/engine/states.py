"""Saved prompt states on disk: found by their tokens, bound to model, library and settings, checked.

They hold what pupils wrote. When a conversation is deleted all of them go, but for those that begin many
conversations; another process that still has it in memory then saves nothing of it.

A file: magic, digest of all that follows, length of the head, head (JSON), tokens, state, and perhaps the
checkpoint that `again` goes back to. It appears whole or not at all. Nothing here raises: a state that
cannot be read or written costs a prefill.
Knows files and bytes, no llama.cpp.
"""

import array
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from soro_edge.engine.prefix import Checkpoint, can_go_on, shared_tokens
from soro_edge.files import make_private_folder, open_private

_MAGIC = b"SOROKV02"
_DIGEST_BYTES = 32
_HEAD_AT = len(_MAGIC) + _DIGEST_BYTES
_LONGEST_HEAD = 1 << 20
DISK_RESERVE_BYTES = 200_000_000
"""Never written where less than this would stay free: the history needs the disk more."""
WORTH_READING_TOKENS = 32
"""A state that spares fewer tokens is not worth a file."""
WRITTEN_BYTES = 200_000_000
"""At most so much is written by one process, and then once more at its end: a stick is slow and wears."""
_STALE_SECONDS = 3600.0
_FORGOTTEN = "forgotten"
"""A file with another content after each deletion."""


def forget_conversations(folder: Path) -> None:
    """Delete the states of all conversations, whatever model they are of, and let no process save one of
    what it has read so far. Raises nothing."""
    with contextlib.suppress(OSError):
        make_private_folder(folder)
        with open_private(folder / _FORGOTTEN) as file:
            file.write(secrets.token_bytes(16))
    for path in [*_files(folder, "*.state"), *_files(folder, "*.part")]:
        if not _is_lasting(path):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """One file of the store, without its state."""

    path: Path
    tokens: list[int]
    """What the model had read."""
    lasting: bool
    """Begins many conversations: goes last where room is made."""
    written: dict[str, list[int]]
    """Answers in it, by their text: the tokens they were written with."""
    size_bytes: int
    """Of the state and the checkpoint."""
    checkpoint_tokens: int = 0
    """After how many tokens the checkpoint in it was made; 0 where there is none."""
    checkpoint_oldest: int = 0
    checkpoint_bytes: int = 0

    def reaches(self, prompt: Sequence[int], window_tokens: int) -> int:
        """How many tokens of `prompt` need no prefill: all that are shared, those of the checkpoint, none."""
        shared = shared_tokens(self.tokens, prompt)
        kept = min(shared, len(prompt) - 1)
        oldest = max(0, len(self.tokens) - window_tokens) if window_tokens else 0
        if can_go_on(kept, oldest_position=oldest, window_tokens=window_tokens):
            return kept
        back = min(self.checkpoint_tokens, kept)
        if 0 < self.checkpoint_tokens <= shared and can_go_on(
            back, oldest_position=self.checkpoint_oldest, window_tokens=window_tokens
        ):
            return back
        return 0


class StateStore:
    """The files of one folder that fit one binding. Several processes may use the folder at once."""

    def __init__(self, folder: Path, *, binding: str, limit_bytes: int) -> None:
        self._folder = folder
        self._binding = hashlib.sha256(binding.encode("utf-8")).hexdigest()
        self._limit_bytes = limit_bytes
        self._forgotten = _forgotten(folder)
        self._written_bytes = 0
        self._states: dict[Path, SavedState] | None = None

    def all(self) -> list[SavedState]:
        """Those that fit, as the folder was when first asked, with what was saved since."""
        if self._states is None:
            self._states = {}
            for path in _files(self._folder, "*.state"):
                saved = self._read_head(path)
                if saved:
                    self._states[path] = saved
            for path in _files(self._folder, "*.part"):
                with contextlib.suppress(OSError):
                    if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                        path.unlink()
        return list(self._states.values())

    def best(self, prompt: Sequence[int], *, window_tokens: int) -> tuple[SavedState | None, int]:
        """The state from which most of `prompt` need not be prefilled, and how many tokens that is."""
        found: SavedState | None = None
        most = 0
        for saved in self.all():
            kept = saved.reaches(prompt, window_tokens)
            if kept > most:
                found, most = saved, kept
        return found, most

    def read(self, saved: SavedState) -> tuple[memoryview, Checkpoint | None] | None:
        """Its state, checked, and its checkpoint; None where the file is damaged or gone. Marks it as
        used."""
        try:
            data = bytearray(saved.path.stat().st_size)
            with saved.path.open("rb", buffering=0) as file:
                file.readinto(data)
            os.utime(saved.path)
        except OSError:
            data = bytearray()
        whole = memoryview(data)
        if (
            whole[: len(_MAGIC)] == _MAGIC
            and _digest(whole[_HEAD_AT:]) == whole[len(_MAGIC) : _HEAD_AT]
        ):
            length = int.from_bytes(whole[_HEAD_AT : _HEAD_AT + 4], "little")
            both = whole[_HEAD_AT + 4 + length + 4 * len(saved.tokens) :]
            cut = saved.size_bytes - saved.checkpoint_bytes
            return both[:cut], _checkpoint(saved, both[cut:])
        self._remove(saved.path)
        return None

    def save(
        self,
        tokens: Sequence[int],
        state: bytearray,
        *,
        checkpoint: Checkpoint | None = None,
        lasting: bool = False,
        last: bool = False,
        written: dict[str, list[int]] | None = None,
    ) -> bool:
        """Keep a state; False where there is no room, the disk refuses, a conversation was deleted since
        `renew`, or enough was written by now and this is not the `last` one."""
        if not lasting and self._is_outdated():
            return False
        back = checkpoint.data if checkpoint else bytearray()
        head = {
            "binding": self._binding,
            "tokens": len(tokens),
            "bytes": len(state) + len(back),
            "checkpoint_tokens": checkpoint.tokens if checkpoint else 0,
            "checkpoint_oldest": checkpoint.oldest_position if checkpoint else 0,
            "checkpoint_bytes": len(back),
            "lasting": lasting,
            "written": written or {},
        }
        line = json.dumps(head, ensure_ascii=False).encode("utf-8")
        ids = array.array("i", tokens).tobytes()
        start = len(line).to_bytes(4, "little") + line + ids
        path = self._folder / f"{self._name(ids)}.state"
        partial = path.with_suffix(f".{os.getpid()}.part")
        try:
            make_private_folder(self._folder)
            need_bytes = len(start) + len(state) + len(back)
            enough = self._written_bytes + need_bytes > WRITTEN_BYTES and not (last or lasting)
            if enough or not self._make_room(need_bytes, path):
                return False
            self._written_bytes += need_bytes
            with open_private(partial) as file:
                # Not synchronized: a file that a power cut tore is told by its digest.
                file.write(_MAGIC + _digest(start, state, back) + start)
                file.write(state)
                file.write(back)
            partial.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            return False
        if not lasting and self._is_outdated():
            self._remove(path)  # deleted while this was written
            return False
        saved = _described(path, list(tokens), head)
        self.all()
        if self._states is not None:
            self._states[path] = saved
        return True

    def forget(self) -> None:
        """Delete every state but those that last: they hold what a pupil wrote."""
        forget_conversations(self._folder)
        self._states = {saved.path: saved for saved in self.all() if saved.lasting}
        self.renew()

    def renew(self) -> None:
        """What is read from now on may be saved: it is of conversations that are not deleted yet."""
        self._forgotten = _forgotten(self._folder)

    def _is_outdated(self) -> bool:
        return _forgotten(self._folder) != self._forgotten

    def _make_room(self, need_bytes: int, path: Path) -> bool:
        """Delete the oldest until `need_bytes` fit; False where they cannot."""
        if need_bytes > self._limit_bytes:
            return False
        if shutil.disk_usage(self._folder).free < need_bytes + DISK_RESERVE_BYTES:
            return False
        lasting = {saved.path for saved in self.all() if saved.lasting}
        files = []
        for other in _files(self._folder, "*.state"):
            with contextlib.suppress(OSError):
                facts = other.stat()
                files.append((other in lasting, facts.st_mtime_ns, facts.st_size, other))
        room = self._limit_bytes - sum(size for _l, _t, size, other in files if other != path)
        for _lasting, _time, size, other in sorted(files):
            if room >= need_bytes:
                break
            if other != path:
                self._remove(other)
                room += size
        return room >= need_bytes

    def _read_head(self, path: Path) -> SavedState | None:
        """What a file says of itself, unless it is of another binding or cut short."""
        try:
            with path.open("rb") as file:
                head, length = _head_of(file)
                if head["binding"] != self._binding:
                    return None
                count = int(head["tokens"])
                tokens = array.array("i", file.read(4 * min(count, _LONGEST_HEAD)))
            whole = _HEAD_AT + 4 + length + 4 * count + int(head["bytes"])
            if len(tokens) != count or path.stat().st_size != whole:
                return None
            return _described(path, tokens.tolist(), head)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _name(self, ids: bytes) -> str:
        return hashlib.sha256(self._binding.encode() + ids).hexdigest()[:32]

    def _remove(self, path: Path) -> None:
        if self._states is not None:
            self._states.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _forgotten(folder: Path) -> bytes:
    """Which deletion of conversations was the last."""
    try:
        return (folder / _FORGOTTEN).read_bytes()
    except OSError:
        return b""


def _is_lasting(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.suffix == ".state" and bool(_head_of(file)[0]["lasting"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _head_of(file: BinaryIO) -> tuple[Any, int]:
    """The head of a state's file, and its length. Raises OSError, ValueError."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("no saved state")
    file.seek(_HEAD_AT)
    length = int.from_bytes(file.read(4), "little")
    return json.loads(file.read(min(length, _LONGEST_HEAD))), length


def _described(path: Path, tokens: list[int], head: Mapping[str, Any]) -> SavedState:
    """Raises ValueError, KeyError, TypeError, AttributeError for a head that is none."""
    return SavedState(
        path=path,
        tokens=tokens,
        lasting=bool(head["lasting"]),
        size_bytes=int(head["bytes"]),
        checkpoint_tokens=int(head["checkpoint_tokens"]),
        checkpoint_oldest=int(head["checkpoint_oldest"]),
        checkpoint_bytes=int(head["checkpoint_bytes"]),
        written={str(text): [int(t) for t in ids] for text, ids in head["written"].items()},
    )


def _checkpoint(saved: SavedState, data: memoryview) -> Checkpoint | None:
    if not saved.checkpoint_tokens:
        return None
    return Checkpoint(
        tokens=saved.checkpoint_tokens,
        oldest_position=saved.checkpoint_oldest,
        data=bytearray(data),
    )


def _digest(*parts: bytes | bytearray | memoryview) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(part)
    return digest.digest()
