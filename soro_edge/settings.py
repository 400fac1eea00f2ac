"""The settings: settings.toml, overridden by SORO_* variables. The text under a field is its manual."""

import os
from collections.abc import Callable, Iterator, Mapping
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
from soro_edge.toml_file import TomlUnreadable, read_toml


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
_MOST = {"context_tokens": 1 << 20, "threads": 512, "max_tokens": 1 << 20, "school_class": 11}
"""More threads end llama.cpp's process; more tokens are a mistyped number."""
_LONGEST_PROFILE_BYTES = 255
"""Of a folder's name, on every usual file system."""
_LARGEST_FILE_BYTES = 64 << 10
_LONGEST_SHOWN = 60
"""Letters of a wrong value in a sentence."""
_CHOICES = {"language": LANGUAGES, "theme": ("dark", "light")}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsReading:
    """The settings in force, and what was passed over on the way to them."""

    settings: Settings
    faults: tuple[SettingsError, ...] = ()
    """A line, a variable or an option that says nonsense; the next source's value is in force instead."""


def read_settings(
    file: Path,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, str | None] | None = None,
) -> Settings:
    """The settings in force. Raises SettingsError at the first fault."""
    reading = examine_settings(file, environ, options)
    for fault in reading.faults:
        raise fault
    return reading.settings


def examine_settings(
    file: Path,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, str | None] | None = None,
) -> SettingsReading:
    """The settings of the file, then of the variables, then of the command line's options.

    A missing file means the defaults. Where a value is nonsense it is passed over and noted.
    """
    faults: list[SettingsError] = []
    stored = _stored(file, faults)
    values = {}
    for field in fields(Settings):
        for fault, source in _sources(field.name, stored, environ, options or {}, file):
            try:
                values[field.name] = _checked(field.name, source, file)
                break
            except SettingsError as error:
                faults.append(fault(error))
    return SettingsReading(settings=Settings(**values), faults=tuple(faults))  # type: ignore[arg-type]


def _stored(file: Path, faults: list[SettingsError]) -> dict[str, object]:
    try:
        stored = read_toml(file, _LARGEST_FILE_BYTES)
    except FileNotFoundError:
        return {}
    except TomlUnreadable as error:
        faults.append(SettingsNotReadable(path=str(file), reason=str(error)))
        return {}
    names = {field.name for field in fields(Settings)}
    faults += [NoSetting(name=_shown(name), path=str(file)) for name in stored if name not in names]
    return stored


def _sources(
    name: str,
    stored: Mapping[str, object],
    environ: Mapping[str, str],
    options: Mapping[str, str | None],
    file: Path,
) -> Iterator[tuple[Callable[[SettingsError], SettingsError], object]]:
    """The values given for one setting, the strongest first, and how a fault in each is told."""
    variable, option = f"SORO_{name.upper()}", options.get(name)
    if option is not None:
        yield lambda error: BadOption(**error.fields, source=f"--{name}"), option
    if variable in environ:
        yield lambda error: BadVariable(**error.fields, source=variable), environ[variable]
    if name in stored:
        yield lambda error: error, stored[name]


def _checked(name: str, value: object, file: Path) -> str | int:
    default = getattr(Settings(), name)

    def refuse(reason: str) -> SettingsError:
        return SettingsError(name=name, value=_shown(value), reason=reason, path=str(file))

    if isinstance(default, int):
        try:
            number = int(value) if isinstance(value, str | int) else int(str(value))
        except ValueError:
            raise refuse("0, 1, 2 …") from None
        if isinstance(value, bool):
            raise refuse("0, 1, 2 …")
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


def _shown(value: object) -> str:
    """A value as a sentence can hold it: one short line."""
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    try:
        text = str(value)
    except ValueError:  # an integer of thousands of digits
        return "…"
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_SHOWN])
    return plain if len(text) <= _LONGEST_SHOWN else plain + "…"
