"""The quantization report on tiny models: of itself, of a trimmed vocabulary, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from soro_edge.errors import EvaluationFailed
from soro_edge.evaluation.divergence import cache
from soro_edge.evaluation.divergence.cache import METHOD
from soro_edge.evaluation.divergence.corpus import default_corpus, read_corpus
from soro_edge.evaluation.divergence.report import DivergenceReport, report_divergence
from soro_edge.evaluation.scorer.scorer import Scorer
from soro_edge.model_errors import ModelCutShort, ModelError
from soro_edge.testing.tiny_gemma3 import LETTERS, PIECES, write_tiny_gemma3

pytestmark = pytest.mark.native

LATIN = "abcdefghijklmnopqrstuvwxyz"
CHUNK_TOKENS = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quantization")


@pytest.fixture(scope="module")
def text(folder: Path) -> Path:
    """Cyrillic alone, with pieces of several letters in it."""
    letters = np.random.default_rng(3).choice([*LETTERS[:35], *" .,", "ан", "ро", " м"], 200)
    file = folder / "матн.txt"
    file.write_text("".join(letters), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def other(folder: Path) -> Path:
    """The same shapes, other weights."""
    return write_tiny_gemma3(folder / "other.gguf", seed=8)


def report(model: Path, reference: Path, text: Path, chunks: int | None = None) -> DivergenceReport:
    return report_divergence(
        model,
        reference,
        read_corpus(text),
        chunk_tokens=CHUNK_TOKENS,
        most_chunks=chunks,
        threads=1,
    )


def test_a_file_is_at_no_distance_from_itself(tiny_model: Path, text: Path) -> None:
    found = report(tiny_model, tiny_model, text)
    assert found.summary.divergence_maximum == 0
    assert found.summary.top1_agreement.value == 1
    assert found.summary.model_perplexity == found.summary.reference_perplexity
    assert found.summary.bands == (1, 0, 0, 0)
    assert found.summary.positions == found.chunks * (CHUNK_TOKENS // 2 - 1)
    assert found.unaligned == 0


def test_it_is_the_direct_computation_over_llama_perplexitys_chunks(
    tiny_model: Path, other: Path, text: Path
) -> None:
    divergences, losses = [], []
    with (
        Scorer(tiny_model, context_tokens=CHUNK_TOKENS, threads=1) as ours,
        Scorer(other, context_tokens=CHUNK_TOKENS, threads=1) as theirs,
    ):
        tokens = ours.tokenize(text.read_text(encoding="utf-8"))
        for begin in range(0, len(tokens) - CHUNK_TOKENS + 1, CHUNK_TOKENS):
            chunk = [ours.begin_token, *tokens[begin + 1 : begin + CHUNK_TOKENS]]
            both = [
                np.concatenate(list(one.logits(chunk)))[CHUNK_TOKENS // 2 : -1].astype(np.float64)
                for one in (ours, theirs)
            ]
            p, q = (np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for one in both)
            divergences += (q * np.log(q / p)).sum(axis=1).tolist()
            following = chunk[CHUNK_TOKENS // 2 + 1 :]
            losses += (-np.log(p[np.arange(len(following)), following])).tolist()
    found = report(tiny_model, other, text).summary
    assert found.positions == len(divergences)
    # The cache is F16: other batches, other last digits.
    assert found.divergence.value == pytest.approx(np.mean(divergences), rel=1e-3)
    assert found.divergence_maximum == pytest.approx(max(divergences), rel=1e-3)
    assert found.model_perplexity.value == pytest.approx(np.exp(np.mean(losses)), rel=1e-3)


def test_a_file_without_letters_that_the_text_has_not_is_at_no_distance(
    tiny_model: Path, folder: Path, text: Path
) -> None:
    trimmed = write_tiny_gemma3(folder / "trimmed.gguf", leave_out=LATIN)
    found = report(trimmed, tiny_model, text)
    assert found.shared_pieces == found.model_pieces == found.reference_pieces - len(LATIN)
    assert found.unaligned == 0
    assert found.summary.divergence_maximum < 1e-5
    assert found.summary.top1_agreement.value == 1
    assert (found.retokenized, found.missing_tokens) == (0, ())
    assert 0.01 < found.summary.reference_outside_shared_mass.value < 0.5
    assert found.summary.model_outside_shared_mass.value == 0


def test_a_whole_file_against_a_trimmed_one_is_told_likewise(
    tiny_model: Path, folder: Path, text: Path
) -> None:
    trimmed = write_tiny_gemma3(folder / "trimmed2.gguf", leave_out=LATIN)
    there = report(trimmed, tiny_model, text).summary
    back = report(tiny_model, trimmed, text).summary
    assert back.divergence_maximum < 1e-5
    assert back.model_outside_shared_mass == there.reference_outside_shared_mass
    assert back.reference_outside_shared_mass.value == 0


def test_where_a_trimmed_file_cuts_finer_those_places_are_counted(
    tiny_model: Path, folder: Path, text: Path
) -> None:
    trimmed = write_tiny_gemma3(folder / "finer.gguf", leave_out=("ан", "ро"))
    found = report(trimmed, tiny_model, text)
    assert found.unaligned > 0
    assert found.retokenized > 0
    assert set(found.missing_tokens) == {"ан", "ро"}
    assert found.unaligned + found.summary.positions == found.chunks * (CHUNK_TOKENS // 2 - 1)


def test_a_reference_with_another_tokenizer_is_refused(
    tiny_model: Path, folder: Path, text: Path
) -> None:
    bytes_alone = write_tiny_gemma3(folder / "bytes.gguf", leave_out=[*LETTERS, *PIECES[1:]])
    with pytest.raises(EvaluationFailed, match="different pieces"):
        report(tiny_model, bytes_alone, text)


@pytest.mark.parametrize("content", ["", "салом", "с" * 62])
def test_a_short_text_is_refused_with_its_length(
    tiny_model: Path, folder: Path, content: str
) -> None:
    file = folder / "short.txt"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(EvaluationFailed, match="too short"):
        report(tiny_model, tiny_model, file)


def test_a_text_of_one_chunk_is_enough(tiny_model: Path, folder: Path) -> None:
    file = folder / "enough.txt"
    file.write_text("с" * 63, encoding="utf-8")
    assert report(tiny_model, tiny_model, file).chunks == 1


def test_it_goes_on_where_the_power_went(
    tiny_model: Path,
    other: Path,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kept(chunks: int, *, fresh: bool = False) -> tuple[DivergenceReport, list[int]]:
        heard = Heard()
        found = report_divergence(
            tiny_model,
            other,
            read_corpus(text),
            chunk_tokens=CHUNK_TOKENS,
            most_chunks=chunks,
            threads=1,
            journals=tmp_path,
            fresh=fresh,
            progress=heard,
        )
        return found, heard.told

    cold, told = kept(3)
    assert told == [3, 0, 1, 1, 1]
    (journal,) = tmp_path.glob("against-*.jsonl")
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) // 2])
    again, told = kept(3)
    assert told == [3, 1, 1, 1]
    assert again == cold
    assert kept(2)[1] == [2, 2]
    assert kept(2, fresh=True)[1] == [2, 0, 1, 1]
    monkeypatch.setattr(cache, "METHOD", METHOD + 1)
    assert kept(2)[1] == [2, 0, 1, 1]


class Heard:
    """Length and what was done, then each step."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def begin(self, what: str, total: int, done: int = 0) -> None:
        self.told += [total, done]

    def advance(self, items: int) -> None:
        self.told.append(items)


def test_only_so_many_chunks_are_read_as_were_asked_for(tiny_model: Path, text: Path) -> None:
    assert report(tiny_model, tiny_model, text, chunks=2).chunks == 2


def test_what_cannot_be_read_is_told(tiny_model: Path, folder: Path, text: Path) -> None:
    with pytest.raises(EvaluationFailed, match="cannot be read"):
        report(tiny_model, tiny_model, folder / "nowhere.txt")
    broken = folder / "broken.txt"
    broken.write_bytes(b"\xd0")
    with pytest.raises(EvaluationFailed, match="not UTF-8"):
        report(tiny_model, tiny_model, broken)
    with pytest.raises(ModelError):
        report(tiny_model, folder / "nowhere.gguf", text)
    with pytest.raises(ModelError):
        report(tiny_model, text, text)
    cut = folder / "cut.gguf"
    cut.write_bytes(tiny_model.read_bytes()[:500_000])
    with pytest.raises(ModelCutShort):
        report(tiny_model, cut, text)


def test_chunks_are_no_longer_than_what_a_model_was_trained_for(
    tiny_model: Path, folder: Path, text: Path
) -> None:
    short = write_tiny_gemma3(folder / "short.gguf", context_tokens=40)
    found = report(short, tiny_model, text)
    assert found.chunk_tokens == 40
    assert found.summary.divergence_maximum < 1e-5


def test_the_text_that_comes_along_is_tajik_that_nobody_calibrates_on() -> None:
    text = default_corpus().text
    assert len(text) > 90_000
    calibrated = (Path(__file__).parents[3] / "convert" / "data" / "calibration.tg.txt").read_text(
        encoding="utf-8"
    )
    assert not set(text.splitlines()).intersection(calibrated.splitlines())
