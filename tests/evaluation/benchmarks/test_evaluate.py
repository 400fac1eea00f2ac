"""A whole evaluation of a tiny model: goes on where it broke off, refuses what cannot be measured."""

import json
from pathlib import Path

import pytest

from soro_edge.errors import DiskFull, EvaluationFailed
from soro_edge.evaluation.benchmarks import evaluate as evaluate_module
from soro_edge.evaluation.benchmarks.evaluate import EvaluationOptions, evaluate
from soro_edge.evaluation.benchmarks.paired_comparison import compare, compare_all
from soro_edge.evaluation.benchmarks.task import Task, read_task
from soro_edge.evaluation.journal import METHOD, Journal
from soro_edge.evaluation.progress import Silent
from soro_edge.evaluation.results import ItemScore, Results, TaskResult, read_results
from soro_edge.evaluation.scorer.scorer import Scorer
from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3
from tests.evaluation.own_task import DATA, HEAD, result, write_task

pytestmark = pytest.mark.native

TASK = (
    HEAD
    + "shots = 1\n"
    + DATA
    + """
[answers]
form = "index"
[prompt]
item = "савол {{ question }}"
choices = "options"
"""
)
ITEMS = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records = [
        {"id": number, "question": f"{number}?", "options": ["як", "ду", "се", "чор"], "answer": 1}
        for number in range(ITEMS)
    ]
    return write_task(tmp_path, TASK, records).parent


def evaluated(
    model: Path, folder: Path, progress: Silent | None = None, **options: object
) -> TaskResult:
    task: Task = read_task(folder / "mine.toml")
    chosen = EvaluationOptions(data_folder=folder, threads=1, **options)  # type: ignore[arg-type]
    found = evaluate(
        model, [task], chosen, journals=folder / "journals", progress=progress or Silent()
    )
    return found.tasks[0]


class PowerCut(Exception):
    pass


class Breaking(Silent):
    """The power goes after so many items."""

    def __init__(self, items: int) -> None:
        self.left = items
        self.done = 0

    def begin(self, what: str, total: int, done: int = 0) -> None:
        self.done = done

    def advance(self, items: int) -> None:
        self.left -= items
        if self.left <= 0:
            raise PowerCut


def test_it_goes_on_after_a_power_cut(tiny_model: Path, folder: Path) -> None:
    with pytest.raises(PowerCut):
        evaluated(tiny_model, folder, Breaking(13))
    [journal] = (folder / "journals").iterdir()
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])  # the last line was cut off too
    watching = Breaking(1000)
    resumed = evaluated(tiny_model, folder, watching)
    assert watching.done == whole.count(b"\n") - 1 > 0
    journal.unlink()
    afresh = evaluated(tiny_model, folder)
    assert [one.item for one in resumed.items] == [one.item for one in afresh.items]
    assert len(afresh.items) == ITEMS
    for ours, theirs in zip(resumed.items, afresh.items, strict=True):
        assert ours.values == pytest.approx(theirs.values, abs=0.02)


def test_what_was_measured_is_not_measured_again(tiny_model: Path, folder: Path) -> None:
    first = evaluated(tiny_model, folder, limit=6)
    assert len(first.items) == 6
    watching = Breaking(1000)
    evaluated(tiny_model, folder, watching, limit=6)
    assert watching.done == 6
    evaluated(tiny_model, folder, watching, limit=6, fresh=True)
    assert watching.done == 0
    evaluated(tiny_model, folder, watching, limit=6, shots=0)
    assert watching.done == 0
    other = write_tiny_gemma3(folder / "other.gguf", seed=8)
    evaluated(other, folder, watching, limit=6)
    assert watching.done == 0


def test_a_limit_takes_items_from_everywhere(tiny_model: Path, folder: Path) -> None:
    found = evaluated(tiny_model, folder, limit=3)
    assert [one.item for one in found.items] == ["0", "10", "20"]


def test_a_long_prompt_is_cut_and_said(tiny_model: Path, folder: Path) -> None:
    found = evaluated(tiny_model, folder, limit=2, shots=9, context_tokens=64)
    assert found.notes == ("2 prompts longer than the context of 64 tokens lost their beginning",)


def test_options_longer_than_the_context_are_bad_items(tiny_model: Path, folder: Path) -> None:
    data = folder / "mine.jsonl"
    long = {"id": "long", "question": "?", "options": ["як", "ду", "се", "чор " * 80], "answer": 1}
    data.write_text(json.dumps(long) + "\n" + data.read_text(encoding="utf-8"), encoding="utf-8")
    found = evaluated(tiny_model, folder, limit=4, shots=0, context_tokens=64)
    assert len(found.items) == 3
    [bad] = found.bad
    assert (bad.item, bad.reason.endswith("longer than the context of 64")) == ("long", True)
    assert found.notes[-1] == "1 items could not be used"
    with pytest.raises(EvaluationFailed, match="No item of mine fits"):
        evaluated(tiny_model, folder, limit=1, shots=0, context_tokens=64)


def test_another_method_measures_again(
    tiny_model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated(tiny_model, folder, limit=2)
    monkeypatch.setattr(evaluate_module, "METHOD", METHOD + 1)
    watching = Breaking(1000)
    evaluated(tiny_model, folder, watching, limit=2)
    assert watching.done == 0


def test_more_examples_than_there_are(tiny_model: Path, folder: Path) -> None:
    with pytest.raises(EvaluationFailed, match="29 examples"):
        evaluated(tiny_model, folder, shots=30)


def test_a_tokenizer_that_loses_tajik_is_refused(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scorer(tiny_model, context_tokens=64, threads=1) as scorer:
        evaluate_module.check_round_trip(tiny_model, scorer)
        monkeypatch.setattr(scorer, "detokenize", lambda _tokens: "Fала?ни")
        with pytest.raises(EvaluationFailed, match="cannot write Tajik"):
            evaluate_module.check_round_trip(tiny_model, scorer)


def test_a_full_disk_is_told(
    tiny_model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull):
        evaluated(tiny_model, folder)


def test_journals_forget_cut_lines_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "a.jsonl")
    scores = [ItemScore(item=str(number), values={"acc": 1.0}, text="ӯ\n") for number in range(3)]
    journal.add(scores)
    with journal.path.open("ab") as file:
        file.write(b'{"item":"3","values":{"acc"')
    assert list(journal.read().values()) == scores
    journal.add([ItemScore(item="3", values={"acc": 0.0})])
    assert list(journal.read()) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "version 1 and 2"),
        ({"data_sha256": "cd"}, "data ab and cd"),
        ({"shots": 5}, "shots 0 and 5"),
        ({"chat": True}, "chat form False and True"),
        ({"items": (ItemScore(item="2", values={}),)}, "no item in common"),
    ],
)
def test_what_was_measured_otherwise_is_not_compared(changes: dict[str, object], said: str) -> None:
    with pytest.raises(EvaluationFailed, match=said):
        compare(result(), result(**changes))


def test_two_results_are_compared_item_by_item() -> None:
    other = result(items=(ItemScore(item="1", values={"acc": 0.0, "acc_norm": 0.0}),))
    acc, acc_norm = compare_all([result()], [other, result(task="more")])
    assert (acc.value, acc.paired.difference, acc.paired.higher) == ("acc", 1.0, 1)
    assert (acc_norm.paired.difference, acc_norm.paired.same) == (0.0, 1)
    with pytest.raises(EvaluationFailed, match="no task in common"):
        compare_all([result()], [result(task="more")])


def test_results_survive_the_file(tiny_model: Path, folder: Path) -> None:
    task = read_task(folder / "mine.toml")
    options = EvaluationOptions(data_folder=folder, threads=1, limit=4)
    found = evaluate(tiny_model, [task], options, journals=folder / "j", progress=Silent())
    found.write(folder / "out.json")
    assert read_results(folder / "out.json") == found
    assert isinstance(found, Results)
    for text in ("", "[]", "{}", "[" * 100_000, '{"format": 1}', '{"format": 2, "tasks": []}'):
        (folder / "bad.json").write_text(text, encoding="utf-8")
        with pytest.raises(EvaluationFailed, match="cannot be read"):
            read_results(folder / "bad.json")
