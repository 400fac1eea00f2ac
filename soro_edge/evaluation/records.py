"""Data files as records: TSV, CSV, JSON, JSON lines, lines of text, and Parquet where pyarrow is installed.

Knows files, and nothing of what their fields mean.
"""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from soro_edge.evaluation.errors import BadData

Record = Mapping[str, object]


def read_records(path: Path) -> list[Record]:
    """Every record of the file. Raises BadData; FileNotFoundError is for the caller."""
    try:
        match path.suffix.lower():
            case ".tsv":
                return _table(path, "\t")
            case ".csv":
                return _table(path, ",")
            case ".jsonl":
                return _json_lines(path)
            case ".json":
                return _records(path, json.loads(_text(path)))
            case ".parquet":
                return _parquet(path)
            case ".txt":
                return [{"text": line} for line in _text(path).splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise BadData(path, f"it is not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise BadData(path, f"it is not JSON (line {error.lineno})") from error
    except csv.Error as error:
        raise BadData(path, str(error)) from error
    raise BadData(path, f"nothing is known of files that end in «{path.suffix}»")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


def _table(path: Path, delimiter: str) -> list[Record]:
    lines = io.StringIO(_text(path), newline="")
    return list(csv.DictReader(lines, restkey="", delimiter=delimiter))


def _json_lines(path: Path) -> list[Record]:
    found = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise BadData(path, f"line {number} is not JSON") from error
    return _records(path, found)


def _records(path: Path, found: object) -> list[Record]:
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return found
    raise BadData(path, "it is no list of records")


def _parquet(path: Path) -> list[Record]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        reason = "Parquet is read where pyarrow is installed; or write it as JSON lines"
        raise BadData(path, reason) from error
    try:
        return _records(path, pyarrow.parquet.read_table(path).to_pylist())
    except pyarrow.ArrowException as error:
        raise BadData(path, f"it is no Parquet file ({error})") from error
