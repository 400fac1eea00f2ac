"""Task files and data: every wrong field is named, every bad item is counted with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from soro_edge.evaluation.benchmarks.dataset import read_data
from soro_edge.evaluation.benchmarks.items import read_items
from soro_edge.evaluation.benchmarks.prompts import Prompts
from soro_edge.evaluation.benchmarks.records import read_records
from soro_edge.evaluation.benchmarks.task import Task, find_task, our_tasks, read_task
from soro_edge.evaluation.errors import BadData, BadTask, NoData, NoTask
from tests.evaluation.own_task import DATA, HEAD, records

PROMPT = '[prompt]\nitem = "{{ question }}"\n'


def written(folder: Path, text: str) -> Task:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return read_task(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD.replace("version = 1", ""), "the field version is missing"),
        (HEAD + "shotz = 3\n" + DATA, "there is no field shotz; did you mean shots"),
        (HEAD, "the field data is missing"),
        (HEAD + "[data]\nfile = 3\n", "data.file is a text, not «3»"),
        (HEAD + "[data]\nfiel = 'x'\n", "there is no field data.fiel; did you mean data.file"),
        (HEAD + "shots = -1\n" + DATA, "shots is a whole number, not «-1»"),
        (HEAD + "shots = true\n" + DATA, "shots is a whole number, not «True»"),
        (HEAD + "data = 'x'\n", "data is a table, not «x»"),
        (HEAD + DATA, "the field prompt.item is missing"),
        (HEAD.replace('"choice"', '"chioce"') + DATA, "kind is one of choice"),
        (HEAD + DATA + PROMPT + "[answers]\nform = 'roman'\n", "answers.form is one of letter"),
        (HEAD + DATA + PROMPT + "[answers]\ncount = 9\n", "fewer letters"),
        (HEAD + DATA + PROMPT + "[answers]\nlabels = [1]\n", "answers.labels is a list of texts"),
        (HEAD + "[data\n", "line 8"),
    ],
)
def test_a_wrong_field_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadTask) as caught:
        written(tmp_path, text)
    assert said in str(caught.value) and "mine.toml" in str(caught.value)


def test_a_prompt_that_does_not_fit_is_told(tmp_path: Path) -> None:
    task = written(tmp_path, HEAD + DATA + '[prompt]\nitem = "{{ qestion }}"\n')
    fields = {"question": "?", "options": list("1234"), "answer": "A"}
    [item], _ = read_items(task, records(fields))
    with pytest.raises(BadTask, match="'qestion' is undefined"):
        Prompts(task, [], 0).of(item)
    broken = written(tmp_path, HEAD + DATA + '[prompt]\nitem = "{{ question "\n')
    with pytest.raises(BadTask, match="no Jinja"):
        Prompts(broken, [], 0)


def test_every_task_of_ours_is_whole() -> None:
    tasks = our_tasks()
    assert len({task.name for task in tasks}) == len(tasks) > 10
    for task in tasks:
        assert find_task(task.name) == task
        try:
            assert read_data(task, None).items
        except NoData as error:
            assert task.data.file in str(error) and task.source in error.advice
    with pytest.raises(NoTask):
        find_task("nothing")
    with pytest.raises(NoTask):
        find_task("nothing.toml")


GOOD = {"id": "good", "question": "?", "options": ["1", "2", "3", "4"], "answer": "B"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": None}, "no answer"),
        ({"answer": "  "}, "no answer"),
        ({"answer": "E"}, "the answer «E» is none of the options"),
        ({"answer": "AB"}, "the answer «AB» is none of the options"),
        ({"options": ["1", "2", "3", "4", "5"]}, "5 options instead of 4"),
        ({"options": ["1", "2", "", "4"]}, "an option is empty"),
        ({"options": None}, "the field options holds no options"),
        ({"options": 7}, "the field options holds no options"),
    ],
)
def test_a_bad_item_is_kept_with_its_reason(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    task = written(tmp_path, HEAD + DATA + PROMPT)
    items, bad = read_items(task, records(GOOD, {**GOOD, "id": "bad", **changes}))
    assert [item.id for item in items] == ["good"]
    assert [(one.item, one.reason, one.place) for one in bad] == [("bad", reason, "line 2")]


def test_a_fifth_column_is_a_fifth_option(tmp_path: Path) -> None:
    columns = '[fields]\noptions = ["option_a", "option_b", "option_c", "option_d"]\n'
    task = written(tmp_path, HEAD + DATA + PROMPT + columns)
    record = {f"option_{letter}": letter for letter in "abcd"} | {"answer": "b"}
    more = ({**record, "option_e": "e"}, {**record, "option_c": ""})
    items, bad = read_items(task, records(record, *more))
    assert [(item.options, item.right) for item in items] == [(tuple("abcd"), 1)]
    assert [one.reason for one in bad] == ["5 options instead of 4", "an option is empty"]


@pytest.mark.parametrize(
    "options",
    [
        ["як", "ду", "се", "чор"],
        '["як", "ду", "се", "чор"]',
        "A) як\nB) ду\nC) се\nD) чор",
        {"A": "як", "B": "ду", "C": "се", "D": "чор"},
        [{"label": "A", "text": "як"}, {"text": "ду"}, {"text": "се"}, {"text": "чор"}],
    ],
)
def test_options_in_every_form(options: object, tmp_path: Path) -> None:
    task = written(tmp_path, HEAD + DATA + PROMPT)
    [item], bad = read_items(task, records({**GOOD, "options": options, "answer": "B)"}))
    assert item.options == ("як", "ду", "се", "чор") and item.right == 1 and not bad


@pytest.mark.parametrize(
    ("form", "answer", "right"),
    [("index", 0, 0), ("index", "3", 3), ("number", "1", 0), ("number", 4, 3), ("text", "3", 2)],
)
def test_answers_in_every_form(form: str, answer: object, right: int, tmp_path: Path) -> None:
    task = written(tmp_path, HEAD + DATA + PROMPT + f'[answers]\nform = "{form}"\n')
    [item], _ = read_items(task, records({**GOOD, "answer": answer}))
    assert item.right == right


def test_data_files_of_every_kind(tmp_path: Path) -> None:
    expected = [{"question": "Чӣ?", "answer": "«А»"}, {"question": 'Кӣ, "ӯ"?', "answer": "Б"}]
    lines = [json.dumps(record, ensure_ascii=False) for record in expected]
    files = {
        "a.jsonl": "\n".join(lines) + "\n\n",
        "a.json": "\ufeff[" + ",".join(lines) + "]",
        "a.csv": 'question,answer\nЧӣ?,«А»\n"Кӣ, ""ӯ""?",Б\n',
        "a.tsv": 'question\tanswer\nЧӣ?\t«А»\n"Кӣ, ""ӯ""?"\tБ\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert read_records(tmp_path / name) == expected, name


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ("a.json", b'{"a": 1}', "no list of records"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.jsonl", b"[1]\n", "line 1 is no record"),
        ("a.tsv", "a\tb\n".encode("utf-16"), "it is UTF-16"),
        ("a.txt", b"one\rtwo\r", "CR alone"),
        ("a.json", b"[1, 2]", "no list of records"),
        ("a.csv", b"a,b\n\xff\xfe,1\n", "not UTF-8 (byte 4)"),
        ("a.xlsx", b"PK", "«.xlsx»"),
    ],
)
def test_a_bad_data_file(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadData) as caught:
        read_records(tmp_path / name)
    assert said in str(caught.value)


def test_only_records_of_one_type_and_none_that_was_calibrated_on(tmp_path: Path) -> None:
    more = 'without = "known.txt"\n[data.only]\ntype = "a"\n[fields]\ntext = "question"\n'
    task = written(tmp_path, HEAD + DATA + more + PROMPT)
    fields = [
        {**GOOD, "id": name, "type": kind, "question": name}
        for name, kind in (("1", "a"), ("2", "b"), ("3", "a"))
    ]
    lines = "".join(json.dumps(record) + "\n" for record in fields)
    (tmp_path / "mine.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "known.txt").write_text("3\n", encoding="utf-8")
    data = read_data(task, tmp_path)
    assert [item.id for item in data.items] == ["1"] and data.left_out == 1 and not data.bad
    (tmp_path / "known.txt").write_text("3\n1\n", encoding="utf-8")
    with pytest.raises(BadData):
        read_data(task, tmp_path)


OPTIONS = ["як", "ду", "се", "чор"]
COLUMNS = {f"option_{letter}": option for letter, option in zip("abcd", OPTIONS, strict=True)}
PUBLIC: dict[str, dict[str, object]] = {
    "tajlib.jsonl": {"id": "TJ0001", "question": "Чанд? ", **COLUMNS, "answer": "B"},
    "talim.jsonl": {
        "number": 7,
        "question": "Чанд?",
        "options": '{"A": "як", "B": "ду", "C": "се", "D": "чор"}',
        "type": "multiple-choice",
        "topic": "ададҳо",
        "section": "A",
        "answer": "B",
        "subject": "Математика",
    },
    "tajikmmlu.jsonl": {"question": "Чанд?", "choices": OPTIONS, "answer": 1},
    "mmlu_tj.jsonl": {"question_tj": "Чанд?", "choices_tj": OPTIONS, "answer": 1},
    "entrance_exams.jsonl": {
        "question": "Чанд?",
        "options": ["A) як", "B) ду", "C) се", "D) чор"],
        "answer": "В",
        "subject": "Математика",
    },
    "question_bank.jsonl": {"id": "1", "question": "Чанд?", "options": OPTIONS, "answer": "b"},
}


def test_the_public_formats(tmp_path: Path) -> None:
    """One record of each, as its authors write it, is an item with the right answer and a whole prompt."""
    for name, record in PUBLIC.items():
        written_records: list[dict[str, object]] = [dict(record)]
        if name == "talim.jsonl":
            free = {**record, "type": "free-response", "options": None, "answer": "2"}
            written_records += [free, {**record, "type": "matching", "options": "[]"}]
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in written_records)
        (tmp_path / name).write_text(lines, encoding="utf-8")
    tasks = {task.name: task for task in our_tasks() if task.data.file in PUBLIC}
    assert len(tasks) == 8
    written_answers = read_data(tasks.pop("talim-free"), tmp_path)
    assert [item.answer for item in written_answers.items] == ["2"]
    for task in tasks.values():
        data = read_data(task, tmp_path)
        assert not data.bad
        [item] = data.items
        assert (item.options, item.right) == (tuple(OPTIONS), 1)
        prompt = Prompts(task, data.items, 0).of(item)
        assert "Чанд?\nA. як\nB. ду\nC. се\nD. чор\n" in prompt.context
        letters = () if task.kind == "letter" else (" A", " B", " C", " D")
        assert prompt.continuations == letters


def test_examples_stand_before_the_question(tmp_path: Path) -> None:
    """An item is no example for itself."""
    task = written(tmp_path, HEAD + DATA + PROMPT)
    items, _ = read_items(
        task, records(*({**GOOD, "id": name, "question": name} for name in ("1", "2", "3")))
    )
    prompts = Prompts(task, items, 2)
    assert prompts.of(items[2]).context == "1 B\n\n2 B\n\n3"
    assert prompts.of(items[0]).context == "2 B\n\n3 B\n\n1"
