"""`soro eval --against`, `--generation`, `--page` as a maker runs them."""

import json
from pathlib import Path

import pytest

from soro_edge.evaluation.school.questions import SCHOOL_QUESTIONS
from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3
from tests.cli.test_commands import soro


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for one chunk."""
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text(SCHOOL_QUESTIONS.read_text(encoding="utf-8")[:800], encoding="utf-8")
    return file


@pytest.mark.native
def test_all_reports_at_once_go_onto_the_page_and_into_the_json(
    tiny_model: Path, text: Path, tmp_path: Path, own_home: Path
) -> None:
    other = write_tiny_gemma3(tmp_path / "other.gguf", seed=8)
    page, output = tmp_path / "page.html", tmp_path / "out.json"
    words: tuple[str, ...] = ("--language", "tg", "eval", str(tiny_model), "--against", str(other))
    words += ("--text", str(text), "--compare", str(other), "--page", str(page))
    words += ("--output", str(output), "--generation", "--limit", "3", "--max-tokens", "8")
    done = soro(*words)
    told = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert "KL divergence, mean" in told  # what is printed is English, the page Tajik
    assert told.endswith(f"\nresults: {output}\npage: {page}\n")
    shown = page.read_text(encoding="utf-8")
    assert 'lang="tg"' in shown and "Ҷавобҳо ба саволҳои мактабӣ" in shown
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["quantization"]["closeness"]["positions"] == 255
    assert {"recut", "lacked", "unaligned"} < found["quantization"].keys()
    assert {"same_first_choice", "model_elsewhere"} < found["quantization"]["closeness"].keys()
    assert [len(one["answers"]) for one in found["generation"]] == [3, 3]
    assert found["model"]["file"] == tiny_model.name and found["tasks"] == []

    # Answers are kept: the second time nothing is asked, and the figures are the same.
    kept = sorted((own_home / "evaluation").glob("answers-*.jsonl"))
    before = [file.read_bytes() for file in kept]
    assert len(kept) == 2
    assert soro(*words).stdout.decode() == told
    assert [file.read_bytes() for file in kept] == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--page", "x.pdf", "--generation"), 2, "--page ends in .html or .md"),
        (("--text", "x.txt"), 2, "--text is read with --against"),
        (("--generation", "/nowhere.tsv"), 9, "The questions cannot be read: /nowhere.tsv"),
        (("--against", "/nowhere.gguf", "--task", "sib200"), 3, "There is no file /nowhere.gguf"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_anything_is_measured(
    tiny_model: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    done = soro("eval", str(tiny_model), *words)
    assert done.returncode == code and told in done.stderr.decode()
    assert done.stdout == b"" and b"Traceback" not in done.stderr
