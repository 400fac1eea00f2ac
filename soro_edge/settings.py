"""The settings: settings.toml, overridden by SORO_* variables. The text under a field is its manual."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from soro_edge.errors import (
    BadOption,
    BadVariable,
    NoSetting,
    SettingsError,
    SettingsNotReadable,
)
from soro_edge.locale import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One value each; every field can be set as SORO_<NAME> too."""

    language: str = "tg"
    """Of the interface: tg, ru or en."""
    model: str = ""
    """Name of the model, as `soro models list` shows it; empty takes the one that was added last."""
    profile: str = "default"
    """Whose history is used: each profile has a file of its own."""
    context_tokens: int = 0
    """Length of the context window, 256 to 1048576; 0 takes the model's own."""
    threads: int = 0
    """Processor threads for the model, 512 at the most; 0 takes what `soro tune` found, or leaves one core
    for the screen where there are three or more."""
    max_tokens: int = 1024
    """Longest answer."""
    theme: str = "dark"
    """dark or light."""
    school_class: int = 0
    """Of the pupil, 5 to 11: the first screen shows questions of that class; 0 shows some of all."""


_LEAST_CONTEXT_TOKENS = 256
"""Less holds no question and answer, and llama.cpp ends the process."""
_MOST = {"context_tokens": 1 << 20, "threads": 512, "school_class": 11}
"""More threads end llama.cpp's process; a longer window is a mistyped number."""
_LONGEST_PROFILE_BYTES = 255
"""Of a folder's name, on every usual file system."""
_CHOICES = {"language": LANGUAGES, "theme": ("dark", "light")}


def read_settings(
    file: Path,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, str | None] | None = None,
) -> Settings:
    """The settings in force: of the file, then of the variables, then of the command line's options.

    A missing file means the defaults. Raises SettingsError.
    """
    try:
        stored = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SettingsNotReadable(path=str(file), reason=reason) from error
    names = {field.name for field in fields(Settings)}
    for name in stored:
        if name not in names:
            raise NoSetting(name=name, path=str(file))
    found = {
        field.name: _found(field.name, stored, environ, options or {}, file)
        for field in fields(Settings)
    }
    return Settings(**found)  # type: ignore[arg-type]


def _found(
    name: str,
    stored: Mapping[str, object],
    environ: Mapping[str, str],
    options: Mapping[str, str | None],
    file: Path,
) -> str | int:
    """The value in force of one setting; where it is nonsense, the error says where it came from."""
    variable, option = f"SORO_{name.upper()}", options.get(name)
    try:
        if option is not None:
            return _checked(name, option, file)
        if variable in environ:
            return _checked(name, environ[variable], file)
    except SettingsError as error:
        kind, source = (BadOption, f"--{name}") if option is not None else (BadVariable, variable)
        raise kind(**error.fields, source=source) from None
    return _checked(name, stored[name], file) if name in stored else getattr(Settings(), name)


def _checked(name: str, value: object, file: Path) -> str | int:
    default = getattr(Settings(), name)

    def refuse(reason: str) -> SettingsError:
        return SettingsError(name=name, value=str(value), reason=reason, path=str(file))

    if isinstance(default, int):
        try:
            number = int(str(value))
        except ValueError:
            raise refuse("0, 1, 2 …") from None
        if number < 0 or (name == "max_tokens" and number == 0):
            raise refuse("≥ 0" if name != "max_tokens" else "≥ 1")
        if name == "context_tokens" and 0 < number < _LEAST_CONTEXT_TOKENS:
            raise refuse(f"0, ≥ {_LEAST_CONTEXT_TOKENS}")
        if number > _MOST.get(name, number):
            raise refuse(f"≤ {_MOST[name]}")
        return number
    if not isinstance(value, str):
        raise refuse('"text"')
    if name in _CHOICES and value not in _CHOICES[name]:
        raise refuse(", ".join(_CHOICES[name]))
    plain = value.replace("-", "").replace("_", "").isalnum()
    if name == "profile" and not (plain and len(value.encode()) <= _LONGEST_PROFILE_BYTES):
        raise refuse(f"a–z 0–9 - _, ≤ {_LONGEST_PROFILE_BYTES} bytes")
    return value
