"""What reading costs, and the checkpoint's fingerprint."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest
import sentencepiece

from convert.checkpoint.checkpoint import open_checkpoint
from tests.convert.checkpoints import Form, write_checkpoint
from tests.convert.tiny_tokenizer import END_OF_TURN, START_OF_TURN

FORMS: tuple[Form, ...] = ("BF16", "FP8-block", "GPTQ", "packed-asymmetric")
MAPS = Path("/proc/self/maps")


@pytest.mark.parametrize("form", FORMS)
def test_memory_follows_the_rows_asked_for(form: Form, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form=form, layers=1, sizes={"intermediate_size": 4096})
    source = open_checkpoint(tmp_path).tensors["model.layers.0.mlp.up_proj.weight"]
    rows, columns = source.shape
    source.rows(0, 1)
    peaks = []
    for asked in (64, 128):
        tracemalloc.start()
        source.rows(rows // 2, rows // 2 + asked)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    matrix_bytes = 64 * columns * 4
    assert peaks[1] - peaks[0] < 4 * matrix_bytes
    assert peaks[0] < rows * columns  # far from the whole matrix in float32


@pytest.mark.skipif(not MAPS.exists(), reason="the list of mapped files is Linux's")
@pytest.mark.parametrize("form", FORMS)
def test_no_file_stays_mapped(form: Form, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form=form, layers=1)
    checkpoint = open_checkpoint(tmp_path)
    kept = [(source.rows(0, 1), source.q4_0_rows(0, 1)) for source in checkpoint.tensors.values()]
    assert kept
    assert str(tmp_path) not in MAPS.read_text()


def test_rows_outside_the_matrix_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, form="GPTQ", layers=1)
    for source in open_checkpoint(tmp_path).tensors.values():
        rows = source.shape[0] if len(source.shape) == 2 else 1
        with pytest.raises(IndexError):
            source.rows(0, rows + 1)


def test_the_fingerprint_is_that_of_sha256sum(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, layers=1)
    (tmp_path / "README.md").write_text("not a part of the model")
    names = [
        "config.json",
        "generation_config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.model",
        "tokenizer_config.json",
    ]
    lines = [
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n" for name in names
    ]
    found = open_checkpoint(tmp_path).fingerprint()
    assert found == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_same_seed_writes_the_same_checkpoint(tmp_path: Path) -> None:
    fingerprints = []
    for number, seed in enumerate((5, 5, 6)):
        folder = tmp_path / str(number)
        write_checkpoint(folder, layers=1, form="GPTQ", seed=seed)
        fingerprints.append(open_checkpoint(folder).fingerprint())
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_the_tiny_tokenizer_behaves_as_gemmas(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path, layers=1)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert tokenizer.vocab_size() == written.pieces
    special = [tokenizer.pad_id(), tokenizer.eos_id(), tokenizer.bos_id(), tokenizer.unk_id()]
    assert special == [0, 1, 2, 3]
    assert tokenizer.encode("<start_of_turn>user\n")[0] == START_OF_TURN
    text = "Забони тоҷикӣ: 12  + x = ∑ дар мактаб\n\nдарё<end_of_turn>"
    tokens = tokenizer.encode(text)
    assert tokens[-1] == END_OF_TURN
    assert tokenizer.decode(tokens) == text
