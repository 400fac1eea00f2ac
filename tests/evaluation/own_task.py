"""A task of a person's own, its data and a result of it."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soro_edge.evaluation.benchmarks.records import Record
from soro_edge.evaluation.results import ItemScore, TaskResult

HEAD = """
name = "mine"
version = 1
title = "Mine"
kind = "choice"
source = "here"
license = "ours"
"""
DATA = '[data]\nfile = "mine.jsonl"\n'


def write_task(folder: Path, text: str, records: Sequence[dict[str, Any]]) -> Path:
    """The task's file, its data beside it."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "mine.jsonl").write_text(lines, encoding="utf-8")
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def records(*fields: dict[str, Any]) -> list[Record]:
    """Records as a file of JSON lines has them."""
    return [
        Record(fields=one, place=f"line {number}") for number, one in enumerate(fields, start=1)
    ]


def result(**changes: object) -> TaskResult:
    """One item, right at first sight only."""
    found = TaskResult(
        task="mine",
        version=1,
        title="Mine",
        kind="choice",
        data_sha256="ab",
        shots=0,
        metrics=(),
        items=(ItemScore(item="1", values={"acc": 1.0, "acc_norm": 0.0}),),
    )
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]
