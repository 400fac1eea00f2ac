"""The options of a record, however a data file writes them, with the labels that they carry.

Knows records, no task and no answer.
"""

import ast
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from soro_edge.evaluation.benchmarks.labels import alphabet_in_order, capital, in_order, split_label
from soro_edge.evaluation.benchmarks.records import split_lines

_LABEL_FIELDS = ("label", "key", "letter", "id")


class Unfit(Exception):
    """Why a record is no item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one item offers, in the order in which it is shown."""

    texts: tuple[str, ...]
    """Without labels."""
    labels: tuple[str, ...] = ()
    """A label for each, letters as capitals; empty where the options carry none."""
    written: tuple[str, ...] = ()
    """The options with their labels, as the file has them."""
    unclear_labels: str = ""
    """Why a letter cannot be looked up among the labels, where it cannot."""


def read_options(record: Mapping[str, object], names: str | tuple[str, ...]) -> Options:
    """Read the options from one field of a record, or from one field for each. Raises Unfit."""
    if isinstance(names, tuple):
        return _of_columns(record, names)
    value = record.get(names)
    if isinstance(value, str):
        value = _from_text(value)
    if isinstance(value, Mapping):
        return _of_table(value)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Unfit(f"the field {names} holds no options")
    return _of_list(value)


def _of_table(table: Mapping[str, object]) -> Options:
    texts, labels = table.get("text"), table.get("label")
    if isinstance(texts, list) and isinstance(labels, list) and len(texts) == len(labels):
        return _in_order([str(label) for label in labels], texts)  # as ARC writes them
    return _in_order([str(key) for key in table], list(table.values()))


def _in_order(keys: Sequence[str], values: Sequence[object]) -> Options:
    """Options by their keys, in the order of these letters or numbers, otherwise in that of the file."""
    labels = [capital(key) or key.strip() for key in keys]
    order = in_order(labels) or range(len(labels))
    return Options(
        texts=tuple(_option_text(values[index]) for index in order),
        labels=tuple(labels[index] for index in order),
    )


def _of_list(values: Sequence[object]) -> Options:
    if values and all(isinstance(value, Mapping) for value in values):
        for name in _LABEL_FIELDS:
            keys = [value.get(name) for value in values if isinstance(value, Mapping)]
            if all(key not in (None, "") for key in keys):
                labels = tuple(capital(str(key)) or str(key).strip() for key in keys)
                return Options(texts=tuple(map(_option_text, values)), labels=labels)
    return _labelled(tuple(map(_option_text, values)))


def _of_columns(record: Mapping[str, object], names: tuple[str, ...]) -> Options:
    """One column for each option; one that follows them by its name, option_e, is an option too."""
    same = itertools.takewhile(
        lambda pair: pair[0] == pair[1], zip(names[0], names[-1], strict=False)
    )
    start = "".join(letter for letter, _ in same)
    others = [
        name
        for name in record
        if start and name.casefold().startswith(start.casefold()) and name not in names
    ]
    texts = [_option_text(record.get(name)) for name in names]
    texts += [text for name in others if (text := _option_text(record[name]))]
    options = _labelled(tuple(texts))
    if options.labels or options.unclear_labels:
        return options
    labels = tuple(capital(name.removeprefix(start)) for name in names)
    # Latin names of columns tell nothing of the answers; Cyrillic ones are the answers' own letters.
    if any(not label.isascii() for label in labels) and alphabet_in_order(labels):
        return Options(texts=options.texts, labels=labels)
    return options


def _labelled(texts: tuple[str, ...]) -> Options:
    """Take the labels off, where every option has one and they run in order."""
    parts = [split_label(text) for text in texts]
    labels = tuple(label for label, _text, _certain in parts)
    if not texts or not all(labels):
        return Options(texts=texts)
    if alphabet_in_order(labels):
        return Options(texts=tuple(text for _, text, _ in parts), labels=labels, written=texts)
    if all(certain for _, _, certain in parts) or in_order(labels):
        return Options(texts=texts, unclear_labels="the labels of the options are not in order")
    return Options(texts=texts)


def _from_text(value: str) -> object:
    """Options inside one text: JSON, a list as Python writes it, or a line for each."""
    try:
        return json.loads(value)
    except (json.JSONDecodeError, RecursionError):
        pass
    if value.lstrip().startswith(("[", "{")):
        try:
            return ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    return [line for line in split_lines(value) if line.strip()]


def _option_text(option: object) -> str:
    """Some sets write options as {"label": "A", "text": "…"}; one that is missing is empty."""
    if isinstance(option, Mapping):
        option = option.get("text", "")
    if option is None or option != option:  # a number that is none
        return ""
    return str(option).strip()
