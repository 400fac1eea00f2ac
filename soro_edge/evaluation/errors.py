"""What can go wrong before a measurement: one sentence, one hint. English only, for the model maker."""

from pathlib import Path

from soro_edge.errors import EvaluationFailed


class BadTask(EvaluationFailed):
    """A task file that says too little, too much or nonsense."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            reason=f"The task {path.name} cannot be used: {reason}.",
            advice="docs/evaluation.md lists the fields of a task.",
        )


class NoTask(EvaluationFailed):
    def __init__(self, name: str) -> None:
        super().__init__(
            reason=f"There is no task «{name}».",
            advice="See `soro eval list`; a task of your own is named by its file, --task my.toml.",
        )


class NoData(EvaluationFailed):
    """The task's data is not here."""

    def __init__(self, task: str, file: str, source: str) -> None:
        super().__init__(
            reason=f"The data of {task} is not here: {file}.",
            advice=f"Take it from {source} and name its folder: --data FOLDER.",
        )


class BadData(EvaluationFailed):
    """A data file as a whole; single items that are bad are counted instead."""

    def __init__(self, file: Path, reason: str, advice: str = "") -> None:
        super().__init__(
            reason=f"The data file {file} cannot be used: {reason}.",
            advice=advice or "Compare it with what docs/evaluation.md says of data files.",
        )
