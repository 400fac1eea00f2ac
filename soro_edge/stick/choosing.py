"""What of a stick suits this computer: the program for its system, the largest model for its memory.

Counts with the computer's whole memory less what the system and the screen take: other programs can
be closed. Changes nothing.
"""

import platform
import sys
from collections.abc import Iterable
from dataclasses import replace

from soro_edge.model_errors import NoModel
from soro_edge.stick.errors import NoModelFits, PathTooLong, WrongComputer
from soro_edge.stick.manifest import Group, StickFile, StickManifest, StickModel

_SYSTEM_BYTES = 700_000_000
_SYSTEM_SHARE = 0.3
_WINDOWS_LONGEST = 259


def usable_bytes(total_memory_bytes: int) -> int:
    """What a model may take of a computer's memory."""
    return total_memory_bytes - max(_SYSTEM_BYTES, int(_SYSTEM_SHARE * total_memory_bytes))


def choose_model(
    manifest: StickManifest, name: str, total_memory_bytes: int, *, below_avx2: bool = False
) -> StickModel | None:
    """The one of that name; else the one that takes the most memory and fits; None on a stick
    without models.

    `below_avx2`: of the files of that model take the one that decodes the fastest on such a processor.
    Raises NoModel, NoModelFits.
    """
    if name:
        for model in manifest.models:
            if model.name == name:
                return model
        raise NoModel(name=name)
    if not manifest.models:
        return None
    have = usable_bytes(total_memory_bytes)
    fitting = [model for model in manifest.models if model.memory_bytes <= have]
    if not fitting:
        least = min(model.memory_bytes for model in manifest.models)
        raise NoModelFits(need_mb=least // 1_000_000, have_mb=max(0, have) // 1_000_000)
    largest = max(fitting, key=lambda model: (model.memory_bytes, model.size_bytes))
    if not below_avx2 or not largest.family or not largest.token_microseconds:
        return largest
    alike = [m for m in fitting if m.family == largest.family and m.token_microseconds]
    return min(alike, key=lambda model: (model.token_microseconds, -model.size_bytes))


def runnable_from_stick(manifest: StickManifest) -> StickManifest:
    """Without the models that lie in parts: those run when they are joined, on a disk."""
    split = {file.model for file in manifest.files if file.split}
    return replace(manifest, models=tuple(m for m in manifest.models if m.name not in split))


def files_for(
    manifest: StickManifest, system: Group | None, model: StickModel | None
) -> list[StickFile]:
    """What is installed: program, model, banks, the smallest first. Raises WrongComputer."""
    programs = manifest.of(system) if system else []
    if not programs:
        raise WrongComputer(platform=f"{sys.platform} {platform.machine()}")
    models = [file for file in manifest.of(Group.MODEL) if model and file.model == model.name]
    return [*programs, *manifest.of(Group.BANK), *sorted(models, key=lambda file: file.size_bytes)]


def check_lengths(folder: str, files: Iterable[StickFile]) -> None:
    """Raises PathTooLong where Windows could not open what would be installed in `folder`."""
    for file in files:
        path = f"{folder}\\{file.target}"
        if len(path.encode("utf-16-le")) // 2 > _WINDOWS_LONGEST:
            raise PathTooLong(path=folder)
