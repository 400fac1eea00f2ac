"""The engine's values as JSON lines, the language between EngineProcess and its worker.

A value is `{"": "ClassName", field: …}`; tuples are lists. Knows no process and no llama.cpp.
"""

import json
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import cast

import soro_edge.model_errors  # noqa: F401  its classes cross the wire
from soro_edge.engine import api
from soro_edge.errors import Field, SoroError, error_classes


@dataclass(frozen=True, slots=True)
class Load:
    """Parent to worker: load the model."""

    options: api.EngineOptions


@dataclass(frozen=True, slots=True)
class Count:
    """Parent to worker: how many tokens has each prompt?"""

    prompts: tuple[api.Prompt, ...]


@dataclass(frozen=True, slots=True)
class Generate:
    """Parent to worker: write an answer."""

    request: api.GenerationRequest


@dataclass(frozen=True, slots=True)
class Prepare:
    """Parent to worker: read this ahead while there is nothing else to do. No reply."""

    prompt: api.Prompt
    lasting: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """Parent to worker: lose what was read of conversations. No reply."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Parent to worker, at any time: end the answer."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Worker to parent: the model is being read."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """Worker to parent: it is ready."""

    info: api.ModelInfo


@dataclass(frozen=True, slots=True)
class Counted:
    """Worker to parent: the answer to Count."""

    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Worker to parent: an error of the tree, by class name and fields; the worker goes on."""

    kind: str
    names: tuple[str, ...]
    values: tuple[Field, ...]

    @classmethod
    def of(cls, error: SoroError) -> "Failed":
        kept = error.fields
        return cls(type(error).__name__, tuple(kept), tuple(kept.values()))

    def error(self) -> SoroError:
        """The error as it was raised in the worker."""
        return error_classes()[self.kind](**dict(zip(self.names, self.values, strict=True)))


Command = Load | Count | Generate | Prepare | Forget | Stop
Reply = Loading | Loaded | Counted | Failed | api.GenerationEvent

_CLASSES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(Load, Count, Generate, Prepare, Forget, Stop, Loading, Loaded, Counted, Failed),
        *(api.Control, api.Text, api.Sampling, api.GenerationRequest),
        *(api.EngineOptions, api.KvCacheType, api.LoadMode),
        *(api.ModelInfo, api.FinishReason, api.Statistics),
        *(api.Prefilled, api.TextPiece, api.Finished),
    )
}


class WireError(ValueError):
    """A line that is no value of the wire."""


def encode(value: Command | Reply) -> bytes:
    """One line, with its line end."""
    text = json.dumps(value, default=_to_json, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8") + b"\n"


def decode(line: bytes) -> Command | Reply:
    """The value of one line. Raises WireError."""
    try:
        value = _to_value(json.loads(line))
    except (ValueError, TypeError, KeyError) as error:
        raise WireError(f"not a line of the wire: {line[:80]!r}") from error
    return cast(Command | Reply, value)


def _to_json(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"": type(value).__name__, **named}
    raise TypeError(type(value).__name__)


def _plain(value: object) -> object:
    # A StrEnum would be written as its text and lose its type.
    return {"": type(value).__name__, "value": value.value} if isinstance(value, Enum) else value


def _to_value(json_value: object) -> object:
    if isinstance(json_value, list):
        return tuple(_to_value(item) for item in json_value)
    if isinstance(json_value, dict):
        named = {name: _to_value(item) for name, item in json_value.items()}
        return _CLASSES[cast(str, named.pop(""))](**named)
    return json_value
