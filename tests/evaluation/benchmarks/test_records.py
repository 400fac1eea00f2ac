"""Tables and parallel texts are read strictly: no record is lost, and a bad line is told with its number."""

import json
from pathlib import Path

import pytest

from soro_edge.evaluation.benchmarks.dataset import TaskData, our_data, read_data
from soro_edge.evaluation.benchmarks.records import folded, read_records
from soro_edge.evaluation.benchmarks.task import read_task
from soro_edge.evaluation.errors import BadData
from tests.evaluation.own_task import HEAD

COLUMNS = ["id", "question", "a", "b", "c", "d", "answer"]
FIELDS = '[fields]\noptions = ["a", "b", "c", "d"]\n[prompt]\nitem = "{{ question }}"\n'


def table(delimiter: str = ",", count: int = 4, head: list[str] = COLUMNS) -> list[str]:
    rows = [head]
    rows += [
        [f"{n}", f"Савол {n}?", "як", "ду", "се", "чор", "ABCD"[n % 4]] for n in range(1, count + 1)
    ]
    return [delimiter.join(row) for row in rows]


def read(folder: Path, name: str, content: str | bytes) -> TaskData:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    (folder / "mine.toml").write_text(HEAD + f'[data]\nfile = "{name}"\n' + FIELDS, "utf-8")
    return read_data(read_task(folder / "mine.toml"), folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "\n".join(table())),
        ("x.csv", "\n".join(table(";"))),
        ("x.csv", "sep=;\n" + "\n".join(table(";"))),
        ("x.csv", "\n".join(table("\t"))),
        ("x.csv", b"\xef\xbb\xbf" + "\r\n".join(table(";")).encode() + b"\r\n\r\n"),
        ("x.csv", "\r".join(table())),  # an old Mac's
        ("x.csv", "\n".join(table(head=[name.upper() for name in COLUMNS]))),
        ("x.csv", "\n".join(table(head=[f" {name.title()} " for name in COLUMNS]))),
        ("x.csv", "\n".join(line + ",," for line in table()) + "\n,,,,,,,,\n"),
        ("x.csv", "\n".join('"' + line.replace(",", '","') + '"' for line in table())),
        ("x.tsv", "\n".join(table("\t")) + "\n\n \n"),
        ("x.tsv", "\r\n".join(table("\t"))),
        ("x.tsv", "\n".join('"' + line.replace("\t", '"\t"') + '"' for line in table("\t"))),
    ],
)
def test_a_table_is_read_however_a_spreadsheet_writes_it(
    name: str, content: str | bytes, tmp_path: Path
) -> None:
    data = read(tmp_path, name, content)
    asked = tuple((str(item.record["question"]), item.right) for item in data.items)
    assert asked == tuple((f"Савол {n}?", n % 4) for n in range(1, 5)) and not data.bad


@pytest.mark.parametrize(
    "question",
    [
        '"Савол 2?',
        'Савол 2?"',
        '"Шоҳнома" китоби кист?',
        'Китоби "Шоҳнома"',
        "«Шоҳнома»",
        '"',
        '"" холӣ',
    ],
)
def test_a_quotation_mark_in_a_tsv_file_is_a_letter(question: str, tmp_path: Path) -> None:
    lines = table("\t")
    lines[2] = lines[2].replace("Савол 2?", question)
    data = read(tmp_path, "x.tsv", "\n".join(lines))
    questions = [item.record["question"] for item in data.items]
    assert questions == ["Савол 1?", question, "Савол 3?", "Савол 4?"]


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("x.tsv", '2\t"Савол\n дуюм?"\tяк\tду\tсе\tчор\tA', "line 3: a quoted field has a tab"),
        ("x.tsv", '2\t"Савол\tдуюм?"\tяк\tду\tсе\tчор\tA', "line 3: a quoted field has a tab"),
        ("x.csv", '2,"Савол\n дуюм?",як,ду,се,чор,A', "line 3: a quotation mark begins a field"),
        ("x.csv", '2,"Савол дуюм?,як,ду,се,чор,A', "line 3: a quotation mark begins a field"),
        ("x.csv", '2,"Шоҳнома" чист?,як,ду,се,чор,A', "line 3: a field goes on after"),
        ("x.csv", "2," + "а" * 200_000 + ",як,ду,се,чор,A", "line 3: field larger"),
    ],
)
def test_a_line_that_cannot_be_read_for_sure_is_told(
    name: str, line: str, said: str, tmp_path: Path
) -> None:
    lines = table("\t" if name == "x.tsv" else ",")
    lines[2] = line
    with pytest.raises(BadData, match=said):
        read(tmp_path, name, "\n".join(lines))


def test_a_row_with_another_number_of_fields_is_a_bad_item_with_its_line(tmp_path: Path) -> None:
    lines = table(count=5)
    lines[2] = "2,Савол"
    lines[4] = lines[4] + ",зиёдатӣ"
    data = read(tmp_path, "x.csv", "\n".join(lines))
    assert [item.id for item in data.items] == ["1", "3", "5"]
    assert [(bad.item, bad.place, bad.reason) for bad in data.bad] == [
        ("2", "line 3", "2 fields instead of 7"),
        ("4", "line 5", "8 fields instead of 7"),
    ]


def test_a_field_that_is_missing_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    head = ["id", "question", "a", "b", "c", "var_d", "answer"]
    with pytest.raises(BadData, match=r"no field d.*its fields are id, question, a, b, c, var_d"):
        read(tmp_path, "x.csv", "\n".join(table(head=head)))
    with pytest.raises(BadData, match="no field answer"):
        read(tmp_path, "x.csv", "\n".join(table(head=[*COLUMNS[:6], "ҷавоб"])))
    with pytest.raises(BadData, match="two of its columns are called «a»"):
        read(tmp_path, "x.csv", "\n".join(table(head=["id", "question", *"aacd", "answer"])))


PARALLEL = """
name = "mine"
version = 1
title = "Mine"
kind = "translation"
source = "here"
license = "ours"
[data]
file = "one.txt"
beside = "other.txt"
[prompt]
item = "{{ text }}"
"""


def pairs(folder: Path, one: str, other: str) -> TaskData:
    (folder / "one.txt").write_bytes(one.encode())
    (folder / "other.txt").write_bytes(other.encode())
    (folder / "mine.toml").write_text(PARALLEL, encoding="utf-8")
    return read_data(read_task(folder / "mine.toml"), folder)


def test_pairs_stay_pairs_where_a_side_is_blank(tmp_path: Path) -> None:
    data = pairs(tmp_path, "як\n\nсе\nчор\n\nшаш\n", "one\ntwo\nthree\n\n\nsix\n")
    assert [(item.record["text"], item.answer) for item in data.items] == [
        ("як", "one"),
        ("се", "three"),
        ("шаш", "six"),
    ]
    assert [(bad.place, bad.reason) for bad in data.bad] == [
        ("line 2", "the field text is empty"),
        ("line 4", "the field other is empty"),
    ]


@pytest.mark.parametrize("separator", ["\u0085", "\u2028", "\u2029", "\f", "\v", "\x1c", "\r"])
def test_only_a_line_feed_ends_a_line(separator: str, tmp_path: Path) -> None:
    data = pairs(tmp_path, f"як{separator}ним\r\nду\r\n", "one\ntwo\n")
    assert [item.record["text"] for item in data.items] == [f"як{separator}ним", "ду"]
    assert [item.answer for item in data.items] == ["one", "two"]


def test_blank_lines_at_the_end_of_one_side_do_no_harm(tmp_path: Path) -> None:
    for one, other in (("як\nду\n\n\n", "one\ntwo"), ("як\nду", "\ufeffone\r\ntwo\r\n\r\n")):
        assert [item.answer for item in pairs(tmp_path, one, other).items] == ["one", "two"]
    data = pairs(tmp_path, "як\nду\n", "one\n\n")
    assert len(data.items) == 1 and data.bad[0].place == "line 2"
    with pytest.raises(BadData, match="it has 3 lines, the other file 2"):
        pairs(tmp_path, "як\nду\n", "one\ntwo\nthree\n")


def test_texts_are_left_out_however_their_accents_are_encoded(tmp_path: Path) -> None:
    task = HEAD.replace('"choice"', '"text"') + '[data]\nfile = "x.txt"\nwithout = "k.jsonl"\n'
    (tmp_path / "mine.toml").write_text(task, encoding="utf-8")
    (tmp_path / "x.txt").write_text("тоҷикӣ\n\nду\n", encoding="utf-8")
    (tmp_path / "k.jsonl").write_text(json.dumps({"text": "тоҷики\u0304 "}), encoding="utf-8")
    data = read_data(read_task(tmp_path / "mine.toml"), tmp_path)
    assert [item.answer for item in data.items] == ["ду"] and data.left_out == 1
    assert folded(" тоҷики\u0304\n") == "тоҷикӣ"


def test_our_own_data_has_no_row_that_cannot_be_used() -> None:
    for name, count in (("sib200.tgk_Cyrl.test.tsv", 204), ("sib200.tgk_Cyrl.train.tsv", 701)):
        path = our_data() / name
        records = read_records(path)
        assert len(records) == count and not [one for one in records if one.fault]
