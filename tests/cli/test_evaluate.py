"""`soro eval` at the command line: its words, its table, its errors. Not the arithmetic."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest

from soro_edge.cli import soro as cli
from soro_edge.errors import SoroError
from soro_edge.evaluation.results import ModelFacts, Results
from tests.evaluation.own_task import DATA, HEAD, result, write_task

TASK = HEAD + DATA + '[prompt]\nitem = "{{ question }}"\n'


def soro(*words: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    arguments = ["soro", "--language", "en", "eval", *words]
    program = (
        f"import sys; sys.argv = {arguments!r}; {before}; from soro_edge.cli import main; main()"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    good = {"id": "a", "question": "чанд?", "options": list("1234"), "answer": "B"}
    records = [good, {**good, "id": "b", "answer": "E"}, {**good, "id": "c", "answer": ""}]
    return write_task(tmp_path, TASK, records)


def test_the_list_tells_what_is_here(tmp_path: Path) -> None:
    done = soro("list")
    assert done.returncode == 0 and done.stderr == ""
    ready, missing = done.stdout.split("\nTheir data is not here:\n")
    assert ready.startswith("Ready:\n") and "sib200             SIB-200" in ready
    assert "204 items; choice, version 1; labels Apache-2.0" in ready
    assert "not here" not in ready and "its data is not here: tajlib.jsonl" in missing
    assert max(map(len, done.stdout.splitlines())) <= 80
    options = {f"option_{letter}": letter for letter in "abcd"}
    record = {"question": "?", **options, "answer": "A"}
    (tmp_path / "tajlib.jsonl").write_text(json.dumps(record), encoding="utf-8")
    for words in (("list", "--data", str(tmp_path)), ("--data", str(tmp_path), "list")):
        assert "1 items; choice, version 1; MIT" in soro(*words).stdout
    tasks = json.loads(soro("list", "--json").stdout)
    assert {task["task"]: task["items"] for task in tasks}["sib200"] == 204
    assert "Usage: soro eval list" in soro("list", "--help").stdout


def test_data_that_cannot_be_read_does_not_end_the_list(tmp_path: Path) -> None:
    (tmp_path / "tajlib.jsonl").write_text("{", encoding="utf-8")
    done = soro("list", "--data", str(tmp_path))
    assert done.returncode == 0
    assert "cannot be used: line 1 is not JSON" in " ".join(done.stdout.split())


@pytest.mark.native
def test_a_table_and_a_file(tiny_model: Path, task: Path, tmp_path: Path) -> None:
    words = (str(tiny_model), "--task", str(task), "--data", str(tmp_path))
    done = soro(*words, "--output", str(tmp_path / "out.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine version 1: 1 items\n" in done.stdout
    [accuracy] = [line for line in done.stdout.splitlines() if line.startswith("  acc ")]
    assert accuracy.endswith(" 0.2500")  # what guessing reaches
    assert "  note: 2 items could not be used\n" in done.stdout
    assert "  not used: item b (line 2): the answer «E» is none of the options\n" in done.stdout
    assert "  not used: item c (line 3): no answer\n" in done.stdout
    assert done.stdout.endswith(f"\nresults: {tmp_path / 'out.json'}\n")
    compared = soro(*words, "--compare", str(tmp_path / "out.json"))
    assert compared.returncode == 0
    assert "tiny.gguf less tiny.gguf, item by item" in compared.stdout
    assert "0 higher, 0 lower, 1 same\n" in compared.stdout
    assert max(map(len, compared.stdout.splitlines()[1:])) <= 80
    again = soro(*words, "--compare", str(tiny_model))
    assert again.stdout.count("mine version 1: 1 items") == 2
    assert again.stdout.endswith(compared.stdout[compared.stdout.index("tiny.gguf less") :])


@pytest.mark.native
def test_json_is_a_flag_and_takes_a_file_as_it_used_to(
    tiny_model: Path, task: Path, tmp_path: Path
) -> None:
    words = (str(tiny_model), "--task", str(task), "--data", str(tmp_path))
    printed = soro(*words, "--json")
    assert (printed.returncode, printed.stderr) == (0, "")
    found = json.loads(printed.stdout)
    assert found["tasks"][0]["metrics"][0]["chance"] == 0.25
    for number, spelling in enumerate((["--json", "{}.json"], ["--json={}"], ["--json", "{}"])):
        file = tmp_path / f"{number}"
        file = file.with_suffix(".json") if spelling[-1] == "{}.json" else file
        old = [word.replace("{}.json", str(file)).replace("{}", str(file)) for word in spelling]
        done = soro(*words, *old)
        assert done.returncode == 0 and "mine version 1: 1 items" in done.stdout
        assert json.loads(file.read_text(encoding="utf-8"))["tasks"] == found["tasks"]
    assert json.loads(soro("--json", *words).stdout)["tasks"] == found["tasks"]


@pytest.mark.native
def test_the_difference_is_that_of_the_model_to_what_it_is_compared_with(
    tiny_model: Path, task: Path, tmp_path: Path
) -> None:
    """Above the other one is a plus, below it a minus."""
    words = (str(tiny_model), "--task", str(task), "--data", str(tmp_path))
    found = json.loads(soro(*words, "--json").stdout)
    values = found["tasks"][0]["items"][0]["values"]
    values["acc"], sign = (0.0, "+") if values["acc"] else (1.0, "-")
    (tmp_path / "other.json").write_text(json.dumps(found), encoding="utf-8")
    told = soro(*words, "--compare", str(tmp_path / "other.json")).stdout
    [line] = [one for one in told.splitlines() if one.startswith("  mine") and " acc " in one]
    assert f" {sign}1.0000 " in line
    counts = told.splitlines()[told.splitlines().index(line) + 1]
    assert counts.strip().startswith("1 higher, 0 lower" if sign == "+" else "0 higher, 1 lower")


@pytest.mark.parametrize("reports", [[], ["--against"]])
def test_more_threads_than_the_computer_has_are_not_taken(
    reports: list[str],
    tiny_model: Path,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Begun(Exception):
        pass

    def scorer(*_words: object, threads: int, **_options: object) -> NoReturn:
        assert threads == os.cpu_count()
        raise Begun

    for module in ("benchmarks.evaluate", "divergence.report"):
        monkeypatch.setattr(f"soro_edge.evaluation.{module}.Scorer", scorer)
    monkeypatch.setenv("SORO_THREADS", "512")
    words = [*reports, str(tiny_model)] if reports else ["--task", "sib200"]
    with pytest.raises(Begun):
        cli.main(["eval", str(tiny_model), *words], standalone_mode=False)


@pytest.mark.native
def test_another_version_of_a_task_is_refused(tiny_model: Path, task: Path, tmp_path: Path) -> None:
    facts = ModelFacts(name="old", file="old.gguf", size_bytes=1, sha256="")
    Results(model=facts, tasks=(result(version=7),)).write(tmp_path / "old.json")
    words = (str(tiny_model), "--task", str(task), "--data", str(tmp_path))
    done = soro(*words, "--compare", str(tmp_path / "old.json"))
    assert done.returncode == 9
    assert done.stderr == (
        "error: Two results of mine cannot be compared: version 1 and 7.\n\n"
        "hint: Measure both models again with this version of the task.\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing.gguf", "--task", "sib200"], 3, "nothing.gguf"),
        (["nothing", "--task", "sib200"], 3, "nothing"),
        (["x.gguf", "--task", "sib2000"], 9, "no task «sib2000»"),
        ([__file__, "--task", "sib200"], 3, "is not a GGUF model"),
        (["x.gguf"], 2, "Name a task"),
        (["x.gguf", "--task", "sib200", "--limit", "0"], 2, "not in the range"),
    ],
)
def test_bad_words(words: list[str], code: int, said: str) -> None:
    """In this process, as the command line's own edge runs them."""
    with pytest.raises((SoroError, click.ClickException)) as caught:
        cli.main(["--language", "en", "eval", *words], standalone_mode=False)
    found = caught.value
    assert isinstance(found, (SoroError, click.ClickException)) and found.exit_code == code
    assert said in str(found)


def test_data_that_is_not_here_is_told(tiny_model: Path) -> None:
    done = soro(str(tiny_model), "--task", "tajlib")
    assert done.returncode == 9 and "The data of tajlib is not here: tajlib.jsonl" in done.stderr


def test_a_model_cut_short_is_told_before_llama_cpp_sees_it(
    tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut.gguf").write_bytes(tiny_model.read_bytes()[:-1])
    done = soro(str(tmp_path / "cut.gguf"), "--task", "sib200")
    assert done.returncode == 3 and "is cut short" in done.stderr


def test_without_its_packages_it_says_where_to_get_them() -> None:
    done = soro("x.gguf", "--task", "sib200", before="sys.modules['numpy'] = None")
    assert done.returncode == 9 and "Traceback" not in done.stderr
    assert "the module numpy" in done.stderr and "uv sync --group evaluation" in done.stderr
