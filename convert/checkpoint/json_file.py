"""JSON files of a checkpoint, read with their types checked. Knows nothing of what the members mean."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from convert.errors import BadCheckpoint

_HINT = "Copy the file again from where the model was trained."


class Members:
    """The members of one JSON object; one that is absent or null has its default."""

    def __init__(self, where: str, values: Mapping[str, object]) -> None:
        self.where = where
        """What an error calls this object: `config.json`, `text_config in config.json`."""
        self.values = values

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def whole(self, key: str, default: int, *, least: int = 0) -> int:
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number")
        if value < least:
            raise self._wrong(key, f"at least {least}")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.values.get(key)
        if value is None:
            return default
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise self._wrong(key, "a number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def text(self, key: str, default: str) -> str:
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._wrong(key, "a text")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts")
        return cast(list[str], value)

    def wholes(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """A number or a list of them."""
        value = self.values.get(key)
        if value is None:
            return default
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
            raise self._wrong(key, "a whole number or a list of them")
        return tuple(items)

    def object(self, key: str) -> "Members":
        """The object under the key; an empty one where there is none."""
        value = self.values.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self._wrong(key, "an object")
        return Members(f"{key} in {self.where}", value)

    def _wrong(self, key: str, needed: str) -> BadCheckpoint:
        return BadCheckpoint(
            f"{self.where} says {key} = {json.dumps(self.values[key])[:60]}, {needed} is needed.",
            _HINT,
        )


def read_object(path: Path) -> dict[str, Any]:
    """Read the JSON object in a file, saved in UTF-8 or UTF-16, with a byte-order mark or without one.

    Raises BadCheckpoint.
    """
    try:
        # Given bytes, json finds the encoding by itself: editors on Windows write all of these.
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise BadCheckpoint(f"{path.name} cannot be read: {error.strerror}.", _HINT) from error
    except ValueError as error:
        raise BadCheckpoint(f"{path.name} is no JSON: {error}.", _HINT) from error
    except RecursionError as error:
        raise BadCheckpoint(f"{path.name} is no JSON: nested too deep.", _HINT) from error
    if not isinstance(values, dict):
        raise BadCheckpoint(f"{path.name} holds no JSON object.", _HINT)
    return values


def read_members(path: Path) -> Members:
    """Read the object in a file, and name it after the file. Raises BadCheckpoint."""
    return Members(path.name, read_object(path))
