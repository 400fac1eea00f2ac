"""Data files as records: TSV, CSV, JSON, JSON lines, lines of text, and Parquet where pyarrow is installed.

Reads strictly: a line ends with `\\n` or `\\r\\n` only, every line of a table is a record of its own, and a
line that cannot be read is told with its number, so that no record is lost unseen. Knows files, and
nothing of what their fields mean.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from soro_edge.evaluation.errors import BadData

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
"""A cell of a TSV file as spreadsheets write it where the cell has quotation marks in it."""
_LINES_END = re.compile(r"\r?\n")
_DELIMITERS = {".csv": ",;\t", ".tsv": "\t;,"}
"""What separates the cells, likelier ones first. Spreadsheets that write decimal commas separate by `;`."""
_SPOKEN_DELIMITER = re.compile(r'"?sep=([,;\t])"?', re.IGNORECASE)
"""The first line of some tables, a note for spreadsheets."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record(Mapping[str, object]):
    """One record of a data file: its fields by name. Two records are equal when their fields are."""

    fields: Mapping[str, object]
    place: str = ""
    """Where it stands in the file: `line 3`, or `record 3` where a file has no lines."""
    fault: str = ""
    """Why the record cannot be used, where its line does not fit the head of the table."""

    def __getitem__(self, name: str) -> object:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def renamed(self, names: Mapping[str, str]) -> "Record":
        """The same record with other names for some of its fields."""
        fields = {names.get(name, name): value for name, value in self.fields.items()}
        return Record(fields=fields, place=self.place, fault=self.fault)


def read_records(path: Path) -> list[Record]:
    """Read every record of the file. Raises BadData; FileNotFoundError is for the caller."""
    suffix = path.suffix.lower()
    try:
        match suffix:
            case ".tsv" | ".csv":
                return _table(path, _DELIMITERS[suffix])
            case ".jsonl":
                return _json_lines(path)
            case ".json":
                return _json_records(path, json.loads(_text(path)))
            case ".parquet":
                return _parquet(path)
            case ".txt":
                lines = enumerate(read_lines(path), 1)
                return [_text_record(number, line) for number, line in lines if line.strip()]
    except json.JSONDecodeError as error:
        raise BadData(path, f"it is not JSON (line {error.lineno})") from error
    except RecursionError as error:
        raise BadData(path, "its JSON is nested too deeply") from error
    raise BadData(path, f"nothing is known of files that end in «{path.suffix}»")


def read_parallel_records(path: Path) -> list[Record]:
    """Read records that stand beside those of another file: blank lines of a text count. Raises BadData."""
    if path.suffix.lower() != ".txt":
        return read_records(path)
    return [_text_record(number, line) for number, line in enumerate(read_lines(path), 1)]


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file, blank ones too. Raises BadData."""
    return split_lines(_text(path))


def split_lines(text: str) -> list[str]:
    """Split a text where `\\n` or `\\r\\n` ends a line. U+2028, U+0085 and form feeds stand within lines."""
    lines = _LINES_END.split(text)
    return lines[:-1] if lines[-1] == "" else lines


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise BadData(path, "it is UTF-16; save it as UTF-8") from error
        raise BadData(path, f"it is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    if "\r" not in text or "\n" in text:
        return text
    if path.suffix.lower() == ".txt":
        raise BadData(path, "its lines end with CR alone; save it with lines that end with LF")
    return text.replace("\r", "\n")


def _text_record(number: int, line: str) -> Record:
    return Record(fields={"text": line}, place=f"line {number}")


def _table(path: Path, delimiters: str) -> list[Record]:
    lines = list(enumerate(read_lines(path), 1))
    if lines and (spoken := _SPOKEN_DELIMITER.fullmatch(lines[0][1].strip(" "))):
        delimiters, lines = spoken[1], lines[1:]
    lines = [(number, line) for number, line in lines if line.strip(" ,;\t")]
    if not lines:
        return []
    delimiter = max(delimiters, key=lambda one: lines[0][1].count(one))
    rows = [(number, _cells(path, number, line, delimiter)) for number, line in lines]
    head = _head(path, rows[0][1])
    if delimiter == "\t":
        _refuse_broken_cells(path, rows, len(head))
        rows = [(number, [_unquoted(cell) for cell in row]) for number, row in rows]
    return [_row(number, head, row) for number, row in rows[1:]]


def _cells(path: Path, number: int, line: str, delimiter: str) -> list[str]:
    if delimiter == "\t":
        return line.split("\t")
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        reason = str(error)
        if reason == "unexpected end of data":
            reason = "a quotation mark begins a field that does not end on this line"
        elif "expected after" in reason:
            reason = "a field goes on after its closing quotation mark"
        raise BadData(path, f"line {number}: {reason}") from error


def _head(path: Path, cells: Sequence[str]) -> list[str]:
    """The names of the columns; a spreadsheet may have written empty ones behind them."""
    names = [_unquoted(cell.strip()).strip() for cell in cells]
    while len(names) > 1 and not names[-1]:
        names.pop()
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise BadData(path, f"two of its columns are called «{twice[0]}»")
    return names


def _row(number: int, head: Sequence[str], cells: list[str]) -> Record:
    while len(cells) > len(head) and not cells[-1].strip():
        cells = cells[:-1]
    count = f"{len(cells)} fields instead of {len(head)}"
    return Record(
        fields=dict(zip(head, cells, strict=False)),
        place=f"line {number}",
        fault="" if len(cells) == len(head) else count,
    )


def _unquoted(cell: str) -> str:
    quoted = _QUOTED.fullmatch(cell)
    return quoted[1].replace('""', '"') if quoted else cell


def _refuse_broken_cells(path: Path, rows: Sequence[tuple[int, list[str]]], columns: int) -> None:
    """Refuse a TSV file with a tab or a line end inside a quoted field.

    A quotation mark that begins a field and has no partner is a letter like any other where all fields
    of its line and of the next one are there.
    """
    for index, (number, cells) in enumerate(rows):
        if not any(cell.startswith('"') and cell.count('"') % 2 for cell in cells):
            continue
        following = rows[index + 1][1] if index + 1 < len(rows) else rows[0][1]
        if columns == 1 or len(cells) != columns or len(following) != columns:
            raise BadData(path, f"line {number}: a quoted field has a tab or a line end inside")


def _json_lines(path: Path) -> list[Record]:
    found = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadData(path, f"line {number} is not JSON") from error
        if not isinstance(value, dict):
            raise BadData(path, f"line {number} is no record")
        found.append(Record(fields=value, place=f"line {number}"))
    return found


def _json_records(path: Path, value: object) -> list[Record]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadData(path, "it is no list of records")
    return [
        Record(fields=fields, place=f"record {number}") for number, fields in enumerate(value, 1)
    ]


def _parquet(path: Path) -> list[Record]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        reason = "Parquet is read where pyarrow is installed; or write it as JSON lines"
        raise BadData(path, reason) from error
    try:
        return _json_records(path, pyarrow.parquet.read_table(path).to_pylist())
    except pyarrow.ArrowException as error:
        raise BadData(path, f"it is no Parquet file ({error})") from error


def same_text(first: str, second: str) -> bool:
    """Whether two texts differ in nothing but spaces and in how their accents are encoded."""
    return folded(first) == folded(second)


def folded(text: str) -> str:
    """A text in composed letters, its spaces as single ones."""
    return " ".join(unicodedata.normalize("NFC", text).split())
