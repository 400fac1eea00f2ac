"""A tiny Gemma 3 checkpoint and small data files, on which lm-evaluation-harness and we are compared."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from soro_edge.evaluation.benchmarks.dataset import our_data
from soro_edge.evaluation.benchmarks.task import Task, find_task
from tests.convert.checkpoints import Stored, write_checkpoint

SHOTS = {"belebele": 2, "sib200": 3, "endings": 0}
"""Tasks, and examples before each question."""
TEXTS = 4


def write_model(folder: Path) -> Path:
    """The checkpoint, with an embedding so large that its likelihoods differ clearly."""

    def louder(stored: Stored) -> None:
        embedding = stored["model.embed_tokens.weight"]
        stored["model.embed_tokens.weight"] = (embedding * np.float32(4)).astype(embedding.dtype)

    return write_checkpoint(
        folder,
        seed=11,
        form="F32",
        change=louder,
        config_changes={"max_position_embeddings": 4096},
    ).folder


def write_data(folder: Path) -> Path:
    """JSON lines named as our tasks name their files, which the harness reads too."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (our_data() / "flores200.devtest.tgk_Cyrl.txt").read_text(encoding="utf-8").splitlines()
    short = [line for line in lines if len(line) < 80]
    _write(folder / "tgk_Cyrl.jsonl", [_belebele(short, number) for number in range(8)])
    _write(folder / "endings.jsonl", [_ending(short, number) for number in range(20)])
    _write(folder / "texts.jsonl", [{"text": line} for line in short[:TEXTS]])
    for part, step in (("train", 140), ("test", 18)):
        source = our_data() / f"sib200.tgk_Cyrl.{part}.tsv"
        rows = source.read_text(encoding="utf-8").splitlines()[1::step]
        cut = [row.replace('"', "").split("\t") for row in rows]
        records = [{"index_id": n, "category": c, "text": text[:40]} for n, c, text in cut]
        _write(folder / f"sib.{part}.jsonl", records)
    return folder


def our_task(name: str) -> Task:
    """Ours, over the small files: the examples are the first ones on both sides."""
    import dataclasses

    if name == "endings":
        return find_task(str(Path(__file__).parent / "endings.toml"))
    task = find_task(name)
    if name != "sib200":
        return task
    data = dataclasses.replace(
        task.data, file="sib.test.jsonl", shots_file="sib.train.jsonl", examples="first"
    )
    return dataclasses.replace(task, data=data)


def _belebele(lines: list[str], number: int) -> dict[str, Any]:
    options = {f"mc_answer{one + 1}": lines[number + 3 * one][:15] for one in range(4)}
    return {
        "id": str(number),
        "flores_passage": lines[number][:50],
        "question": f"{lines[number + 1][:30]}? ",
        **options,
        "correct_answer_num": str(number % 4 + 1),
    }


def _ending(lines: list[str], number: int) -> dict[str, Any]:
    line = lines[number]
    half = line.index(" ", len(line) // 2)
    options = [line[half + 1 :], *(lines[number + one][: 20 * one].strip() for one in (1, 2))]
    return {"id": str(number), "start": line[:half], "options": options, "answer": number % 3}


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text(text, encoding="utf-8")
