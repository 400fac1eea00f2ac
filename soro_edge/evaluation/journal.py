"""What is already scored, on disk line by line, so that an evaluation goes on after a power cut.

One file for each model, task and setting; its name is their hash. A last line that was cut off is dropped.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from soro_edge.evaluation.results import ItemScore
from soro_edge.paths import storage_error

METHOD = 2
"""How scores come about. Another number, and what was kept is measured again: raise it with every change of
prompts, of arithmetic or of reading that can change a score."""


class Journal:
    """Of one task on one model."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, ItemScore]:
        """Scores by item; nothing where nothing was done."""
        found: dict[str, ItemScore] = {}
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return found
        except OSError as error:
            raise storage_error(error, self.path) from error
        for line in data.split(b"\n"):
            with contextlib.suppress(ValueError, TypeError):
                score = ItemScore(**json.loads(line))
                found[score.item] = score
        return found

    def add(self, scores: Iterable[ItemScore]) -> None:
        """They are on the disk when this returns. Raises StorageError."""
        lines = "".join(
            json.dumps(asdict(score), ensure_ascii=False, separators=(",", ":")) + "\n"
            for score in scores
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                if file.tell() and not self._ends_whole():
                    file.write(b"\n")
                file.write(lines.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(error, self.path) from error

    def forget(self) -> None:
        """Begin anew."""
        self.path.unlink(missing_ok=True)

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
