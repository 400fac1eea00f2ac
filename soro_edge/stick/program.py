"""A version's own program, run as a process: what it is, whether it answers, what it measures.

Knows its command line and nothing of what it does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soro_edge.locale import _
from soro_edge.stick.errors import SelfTestFailed

QUESTION = "Пойтахти Тоҷикистон кадом шаҳр аст?"
ANSWER_TOKENS = 32
ANSWER_SECONDS = 900.0
"""A 2 GB model from an old disk, on one slow core."""
PREPARE_SECONDS = 600.0
_UNUSABLE_ANSWER = 7
"""The exit code where an answer looped: generated it was."""
_NOT_HERE = ("SORO_MODEL", "SORO_PROFILE", "SORO_CONTEXT_TOKENS")


@dataclass(frozen=True, slots=True)
class InstalledProgram:
    """The executable of one version."""

    executable: Path

    def history_steps(self) -> int:
        """How new a history it can read. Raises SelfTestFailed."""
        done = self._run(["usb", "facts"], {}, seconds=ANSWER_SECONDS)
        try:
            return int(json.loads(done.stdout)["history_steps"])
        except (ValueError, KeyError, TypeError) as error:
            raise SelfTestFailed(reason=_last_line(done)) from error

    def answer(self, home: Path, model: str) -> str:
        """One short answer of that model, with `home` as its only folder. Raises SelfTestFailed."""
        words = ["ask", "--no-history", "--temperature", "0"]
        done = self._run(
            [*words, "--max-tokens", str(ANSWER_TOKENS), QUESTION],
            {"SORO_HOME": str(home), "SORO_MODEL": model},
            seconds=ANSWER_SECONDS,
        )
        text = " ".join(done.stdout.split())
        if done.returncode not in (0, _UNUSABLE_ANSWER) or not text:
            raise SelfTestFailed(reason=_last_line(done))
        return text

    def prepare(self) -> bool:
        """Measure this machine and read the model's first words ahead; whether that went well."""
        try:
            done = self._run(["usb", "prepare"], {}, seconds=PREPARE_SECONDS)
        except SelfTestFailed:
            return False
        return done.returncode == 0

    def _run(
        self, words: Sequence[str], environ: dict[str, str], *, seconds: float
    ) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(
                [str(self.executable), *words],
                env={**clean_environment(), **environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise SelfTestFailed(
                reason=_("no end after {seconds:.0f} s").format(seconds=seconds)
            ) from error
        except OSError as error:
            raise SelfTestFailed(reason=error.strerror or str(error)) from error


def clean_environment() -> dict[str, str]:
    """Ours, without what a packaged program sets for itself alone or a person set for one model."""
    environ = {name: value for name, value in os.environ.items() if name not in _NOT_HERE}
    if getattr(sys, "frozen", False):
        environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
        before = environ.pop("LD_LIBRARY_PATH_ORIG", None)
        environ.pop("LD_LIBRARY_PATH", None)
        if before is not None:
            environ["LD_LIBRARY_PATH"] = before
    return environ


def _last_line(done: "subprocess.CompletedProcess[str]") -> str:
    """What the program told: its error's sentence, or its exit code."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[0] if lines else f"{done.returncode}"
