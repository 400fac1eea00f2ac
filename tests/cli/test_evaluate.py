"""`soro eval` at the command line: its words, its table, its errors. Not the arithmetic."""

import json
import subprocess
import sys
from pathlib import Path

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
    assert "sib200             SIB-200" in done.stdout
    assert "204 items; choice, version 1; labels Apache-2.0" in done.stdout
    assert "its data is not here: tajlib.jsonl" in done.stdout
    options = {f"option_{letter}": letter for letter in "abcd"}
    record = {"question": "?", **options, "answer": "A"}
    (tmp_path / "tajlib.jsonl").write_text(json.dumps(record), encoding="utf-8")
    assert "1 items; choice, version 1; MIT" in soro("list", "--data", str(tmp_path)).stdout


@pytest.mark.native
def test_a_table_and_a_file(tiny_model: Path, task: Path, tmp_path: Path) -> None:
    words = (str(tiny_model), "--task", str(task), "--data", str(tmp_path))
    done = soro(*words, "--json", str(tmp_path / "out.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine version 1: 1 items\n" in done.stdout and "  acc_norm  " in done.stdout
    assert "  note: 2 items could not be used\n" in done.stdout
    assert "  not used: item b: the answer «E» is none of the options\n" in done.stdout
    assert "  not used: item c: no answer\n" in done.stdout
    compared = soro(*words, "--compare", str(tmp_path / "out.json"))
    assert compared.returncode == 0
    assert "tiny.gguf against tiny.gguf, item by item" in compared.stdout
    assert "p 1  (0 higher, 0 lower, 1 same)" in compared.stdout
    again = soro(*words, "--compare", str(tiny_model))
    assert again.stdout.count("mine version 1: 1 items") == 2
    assert again.stdout.endswith(compared.stdout[compared.stdout.index("tiny.gguf against") :])


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
